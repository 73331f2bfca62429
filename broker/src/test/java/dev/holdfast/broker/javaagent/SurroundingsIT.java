package dev.holdfast.broker.javaagent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.broker.services.Client;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.Probe;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SocketIdentity;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What else a program brings along, and where it is put: adopted all the same, and in silence. */
@Timeout(180)
class SurroundingsIT {
  private static final String HOST = "127.0.0.1";
  private static final String STRANGER = "61234"; // a uid that nobody has
  private static final int TERMINATED = 128 + ProgramProcess.SIGTERM;

  @RegisterExtension final Stage stage = new Stage();

  private int port;

  private void start(String... lines) throws Exception {
    port = ListeningSocket.freePort();
    String[] all = new String[lines.length + 1];
    all[0] = "listen = \"" + HOST + ":" + port + "\"";
    System.arraycopy(lines, 0, all, 1, lines.length);
    stage.file().listener("web", all);
    stage.start();
  }

  private Adopting binder() {
    return Adopting.of(Binder.class, "socket", HOST, port);
  }

  private ProgramProcess exec(List<String> command) throws Exception {
    return stage.workers("web").exec("program", command.toArray(String[]::new));
  }

  /** Finds the broker by itself. */
  private ProgramProcess bare(List<String> command) throws Exception {
    return stage.program("program", command.toArray(String[]::new));
  }

  /** It serves on the listener, the broker knows that, and nobody had anything to say. */
  private void assertServes(ProgramProcess program) throws Exception {
    Await.until(
        () -> "a ready lease: " + program.written() + "\n" + stage.broker().lastWritten(),
        () ->
            !program.isAlive()
                || stage.broker().leases().stream()
                    .anyMatch(each -> each.string("state").equals("ready")));
    assertThat(program.isAlive()).as(program.written()).isTrue();
    assertThat(Client.get(port, "/")).contains("worker ");
    assertThat(program.outLines()).containsExactly("bound /127.0.0.1:" + port);
    assertThat(program.errLines()).isEmpty();
  }

  /** And it ends as the broker asks it to. */
  private void assertIsDrained(ProgramProcess program) throws Exception {
    drain(program);
    assertThat(program.errLines()).isEmpty();
  }

  private void drain(ProgramProcess program) throws Exception {
    String lease =
        stage.broker().leases().stream()
            .min(Comparator.comparing(each -> each.string("sinceUsec")))
            .orElseThrow()
            .string("lease");
    ProgramProcess drain = stage.begin("drain", lease, "--deadline", "20s");
    assertThat(drain.awaitEnd()).as(drain.written()).isZero();
    assertThat(program.awaitEnd()).as(program.written()).isEqualTo(TERMINATED);
  }

  // ---- what else is in the JVM

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void itsLibrariesDoNotMeetThoseOfTheProgram(boolean isBare) throws Exception {
    start();
    Path sockets = Files.createDirectories(stage.directory().resolve("s"));
    List<String> command =
        Adopting.words(
                "-cp",
                Checkout.testClassPath() + ":" + Checkout.agentClassPath(),
                OwnLibraries.class.getName(),
                sockets.toString(),
                HOST,
                String.valueOf(port))
            .jvm(nativeAccess())
            .command();
    assertServes(isBare ? bare(command) : exec(command));
  }

  /** What the program itself needs for its JNA, from 24 on. */
  private static String nativeAccess() {
    return "--enable-native-access=ALL-UNNAMED";
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theProgramChoosesItsLogManagerLate(boolean isBare) throws Exception {
    start();
    List<String> command = Adopting.of(OwnLogging.class, HOST, port).command();
    ProgramProcess program = isBare ? bare(command) : exec(command);
    Probe.connect(port).close();
    Await.until(program::written, () -> !program.outLines().isEmpty() || !program.isAlive());
    assertThat(program.outLines()).containsExactly("Manager");
    Probe.connect(port).close();
    assertThat(program.awaitEnd()).as(program.written()).isZero();
    assertThat(program.written()).contains("logged").doesNotContain("holdfast-agent");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anotherAgentMayTransformTheSameClasses(boolean isFirst) throws Exception {
    start();
    Path jar = stage.directory().resolve("other.jar");
    Manifest manifest = manifest();
    manifest.getMainAttributes().putValue("Premain-Class", Retransforming.class.getName());
    manifest.getMainAttributes().putValue("Can-Retransform-Classes", "true");
    writeJar(jar, manifest, "Retransforming");
    Adopting adopting = binder();
    List<String> command = adopting.jvm("-javaagent:" + jar).command();
    if (isFirst) {
      command.add(1, "-javaagent:" + jar);
    }
    ProgramProcess program = exec(command);
    assertServes(program);
    assertIsDrained(program);
  }

  private static Manifest manifest() {
    Manifest manifest = new Manifest();
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    return manifest;
  }

  /** Of these classes of this package, with those inside them. */
  private static void writeJar(Path jar, Manifest manifest, String... names) throws IOException {
    String directory = SurroundingsIT.class.getPackageName().replace('.', '/');
    try (OutputStream out = Files.newOutputStream(jar);
        JarOutputStream entries = new JarOutputStream(out, manifest);
        Stream<Path> classes = Files.list(Path.of(Checkout.testClassPath(), directory))) {
      for (Path each : classes.sorted().toList()) {
        String file = each.getFileName().toString();
        if (Arrays.stream(names)
            .anyMatch(name -> file.equals(name + ".class") || file.startsWith(name + "$"))) {
          entries.putNextEntry(new ZipEntry(directory + "/" + file));
          Files.copy(each, entries);
          entries.closeEntry();
        }
      }
    }
  }

  // ---- how the JVM is started

  /** Xrs: it leaves signals alone. Without traces a caller cannot be found in one. */
  @ParameterizedTest
  @CsvSource({
    "-Xrs",
    "-XX:-StackTraceInThrowable",
    "-Xshare:off",
    "-Xint",
    "-Djava.net.preferIPv4Stack=true"
  })
  void anOptionOfTheJvmDoesNotMatter(String option) throws Exception {
    start();
    ProgramProcess program = exec(binder().jvm(option).command());
    assertServes(program);
    assertIsDrained(program);
  }

  @Test
  void nativeAccessNeedsNoOption() throws Exception {
    Path java25 = Checkout.java(25).getParent().getParent();
    start();
    ProgramProcess program =
        exec(binder().jvm("--illegal-native-access=deny").command(java25, Checkout.javaAgent()));
    assertServes(program);
    assertIsDrained(program);
    ProgramProcess bare = bare(binder().command(java25, Checkout.javaAgent()));
    assertServes(bare);
  }

  /**
   * It cannot be made with an agent; newer JVMs say on standard output, with any agent at all, that
   * this was not in it.
   */
  @Test
  void anArchiveOfClassesIsUsedInSilence() throws Exception {
    start();
    Path jar = stage.directory().resolve("binder.jar");
    Path archive = stage.directory().resolve("binder.jsa");
    writeJar(jar, manifest(), "Binder");
    String[] words = {
      "-cp", jar.toString(), Binder.class.getName(), "client", HOST, "" + ListeningSocket.freePort()
    };
    List<String> dump = Adopting.words(words).jvm("-XX:ArchiveClassesAtExit=" + archive).command();
    dump.removeIf(each -> each.startsWith("-javaagent"));
    ProgramProcess dumping = stage.program("dump", dump.toArray(String[]::new));
    assertThat(dumping.awaitEnd()).as(dumping.written()).isZero();
    assertThat(archive).isNotEmptyFile();
    words[3] = "socket";
    words[5] = String.valueOf(port);
    ProgramProcess program =
        exec(
            Adopting.words(words)
                .jvm(
                    "-XX:SharedArchiveFile=" + archive,
                    is17() ? "-Xlog:cds=warning" : "-Xlog:cds=off")
                .command());
    assertServes(program);
  }

  private static boolean is17() {
    return Checkout.java(17).startsWith(Checkout.JAVA_HOME);
  }

  @Test
  void theMainClassMayBeInAModule() throws Exception {
    start();
    Path sources = Files.createDirectories(stage.directory().resolve("src"));
    Path main =
        Files.writeString(
            Files.createDirectories(sources.resolve("own")).resolve("Main.java"),
            """
            package own;

            public final class Main {
              public static void main(String[] arguments) throws Exception {
                var address = new java.net.InetSocketAddress("127.0.0.1", %d);
                try (var server = java.nio.channels.ServerSocketChannel.open().bind(address)) {
                  System.out.println("bound " + server.getLocalAddress());
                  while (true) {
                    try (var accepted = server.accept()) {
                      accepted.socket().getInputStream().read(new byte[4096]);
                      var answer = "HTTP/1.0 200 OK\\r\\n\\r\\nworker own pid 1";
                      accepted.write(java.nio.ByteBuffer.wrap(answer.getBytes()));
                    }
                  }
                }
              }
            }
            """
                .formatted(port));
    Path info =
        Files.writeString(sources.resolve("module-info.java"), "module own { exports own; }");
    Path classes = stage.directory().resolve("classes");
    int code =
        ToolProvider.findFirst("javac")
            .orElseThrow()
            .run(
                System.out,
                System.err,
                "--release",
                "17",
                "-d",
                classes.toString(),
                main.toString(),
                info.toString());
    assertThat(code).isZero();
    ProgramProcess program =
        exec(Adopting.words("-p", classes.toString(), "-m", "own/own.Main").command());
    assertServes(program);
    assertIsDrained(program);
  }

  @Test
  void anImageNeedsNoModuleBesideJavaInstrument() throws Exception {
    Path jlink = Path.of(System.getProperty("java.home"), "bin/jlink");
    Path modules = Path.of(System.getProperty("java.home"), "jmods");
    Assumptions.assumeTrue(
        Files.isExecutable(jlink) && Files.isDirectory(modules), "this JDK cannot make images");
    Path image = stage.directory().resolve("image");
    ProgramProcess linking =
        stage.keep(
            ProgramProcess.start(
                "jlink",
                List.of(
                    jlink.toString(),
                    "--add-modules",
                    "java.base,java.instrument",
                    "--output",
                    image.toString()),
                java.util.Map.of()));
    assertThat(linking.awaitEnd()).as(linking.written()).isZero();
    start();
    ProgramProcess program = bare(binder().command(image, Checkout.javaAgent()));
    assertServes(program);
    assertIsDrained(program);
  }

  // ---- where it is put

  /** Nothing but the jar, from which the native libraries have to be unpacked. */
  private Path jarAlone(String directory) throws IOException {
    Path made = Files.createDirectories(stage.directory().resolve(directory));
    return Files.copy(Checkout.javaAgent(), made.resolve("agent copy.jar"));
  }

  private Path temporary() throws IOException {
    Path made = Files.createDirectories(stage.directory().resolve("tmp"));
    Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rwxrwxrwx"));
    return made;
  }

  @Test
  void theJarAloneIsEnoughAndLeavesNothingBehind() throws Exception {
    start();
    Path temporary = temporary();
    ProgramProcess program =
        bare(
            binder()
                .jvm("-Djava.io.tmpdir=" + temporary)
                .command(Checkout.JAVA_HOME, jarAlone("a place")));
    assertServes(program);
    program.kill();
    assertThat(temporary).isEmptyDirectory();
  }

  /** Whenever it ends: a build starts many such JVMs, with the options of their parents. */
  @Test
  void aProgramThatBindsNothingLeavesNothingBehind() throws Exception {
    start();
    Path temporary = temporary();
    Path jar = jarAlone("alone");
    for (int millis = 0; millis < 100; millis += 20) {
      ProgramProcess program =
          bare(
              Adopting.of(ShortLife.class, millis)
                  .jvm("-Djava.io.tmpdir=" + temporary)
                  .command(Checkout.JAVA_HOME, jar));
      assertThat(program.awaitEnd()).as(program.written()).isZero();
      assertThat(program.errLines()).isEmpty();
      assertThat(temporary).isEmptyDirectory();
    }
  }

  @Test
  void aDirectoryForTemporaryFilesThatRunsNoProgramIsNotUsed() throws Exception {
    Assumptions.assumeTrue(Checkout.isRoot(), "only root can mount");
    start();
    Path temporary = temporary();
    List<String> command =
        new ArrayList<>(
            List.of(
                Checkout.installed("unshare", "util-linux"),
                "-m",
                "/bin/sh",
                "-c",
                "mount -t tmpfs -o noexec none \"$0\" && exec \"$@\"",
                temporary.toString()));
    command.addAll(
        binder()
            .jvm("-Djava.io.tmpdir=" + temporary)
            .command(Checkout.JAVA_HOME, jarAlone("alone")));
    ProgramProcess program = bare(command);
    assertServes(program);
    assertIsDrained(program);
  }

  @Test
  void anotherUserMayAdoptWhatItIsAllowed() throws Exception {
    Assumptions.assumeTrue(Checkout.isRoot(), "only root can become another user");
    stage.file().broker("mode = \"0666\"");
    start("allow = [\"uid:" + STRANGER + "\"]");
    List<String> change =
        List.of(
            Checkout.installed("setpriv", "util-linux"),
            "--reuid=" + STRANGER,
            "--regid=" + STRANGER,
            "--clear-groups");
    Adopting adopting = binder().jvm("-Djava.io.tmpdir=" + temporary());
    Path jar = jarAlone("alone");
    ProgramProcess unnamed =
        bare(joined(change, adopting.agent("required").command(Checkout.JAVA_HOME, jar)));
    assertThat(unnamed.awaitEnd()).isEqualTo(3);
    assertThat(unnamed.outLines().get(0)).endsWith("an option of the agent, PORT=LISTENER");
    ProgramProcess program =
        bare(joined(change, adopting.agent(port + "=web").command(Checkout.JAVA_HOME, jar)));
    assertServes(program);
    assertIsDrained(program);
  }

  private static List<String> joined(List<String> first, List<String> second) {
    List<String> all = new ArrayList<>(first);
    all.addAll(second);
    return all;
  }

  /** No network, another user, nothing that can be written to; what exec passed is enough. */
  @Test
  void aSandboxMayTakeEverythingElseAway() throws Exception {
    start();
    List<String> command =
        new ArrayList<>(
            List.of(
                Checkout.installed("bwrap", "bubblewrap"),
                "--unshare-all",
                "--die-with-parent",
                "--ro-bind",
                "/",
                "/",
                "--dev",
                "/dev",
                "--proc",
                "/proc",
                "--remount-ro",
                "/"));
    if (Checkout.isRoot()) {
      command.addAll(List.of("--uid", STRANGER, "--gid", STRANGER));
    }
    command.addAll(binder().command());
    ProgramProcess program = exec(command);
    assertServes(program);
    SocketIdentity socket = SocketIdentity.of(stage.broker(), "web");
    LoadGenerator load = stage.load(8);
    Stage.awaitMore(load, 200);
    stage.crash(); // the sandbox has another pid than the server in it, which alone has the socket
    Stage.awaitMore(load, 200);
    stage.startAgain();
    Await.until(
        () -> "the listener of before: " + stage.broker().lastWritten(),
        () ->
            stage.broker().listener("web").has("endpoint")
                && SocketIdentity.of(stage.broker(), "web").equals(socket));
    ProgramProcess next = exec(command);
    Await.until(
        () -> "both are ready: " + next.written() + stage.broker().lastWritten(),
        () ->
            stage.broker().leases().stream()
                    .filter(each -> each.string("state").equals("ready"))
                    .count()
                == 2);
    drain(program);
    assertThat(program.errLines())
        .hasSize(2)
        .anyMatch(line -> line.contains("the broker is away"))
        .anyMatch(line -> line.endsWith("the broker is back"));
    Stage.awaitMore(load, 200);
    Stage.endWithoutLoss(load);
  }
}
