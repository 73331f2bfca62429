package dev.holdfast.broker.workers;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.holdfast.broker.core.Account;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Launch;
import dev.holdfast.broker.core.Output;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.fd.Child;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pipe;
import dev.holdfast.fd.Spawn;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What comes of a process that root makes and somebody else gets. */
@Timeout(120)
class AccountChangeTest {

  private static final int UID = 64123;
  private static final int GID = 64124;
  private static final Account SOMEBODY =
      new Account("somebody", UID, GID, List.of(GID, 64200), "/", "/bin/sh");
  private static final String NO_CAPABILITIES = "0000000000000000";

  /** Tries whether it could signal any thread of the process, until its input ends. */
  private static final String ATTACK =
      """
      import ctypes, os, select, sys
      libc = ctypes.CDLL(None, use_errno=True)
      me, it = os.getpid(), int(sys.argv[1])
      assert libc.tgkill(me, me, 0) == 0
      tries = starts = allowed = 0
      os.write(1, b'x')
      while not select.select([0], [], [], 0)[0]:
        for thread in os.listdir('/proc/%d/task' % it):
          try:
            name = open('/proc/%d/task/%s/comm' % (it, thread)).read()
          except OSError:
            continue
          allowed += libc.tgkill(it, int(thread), 0) == 0
          starts += name.startswith('broker-spawn')
          tries += 1
        try:
          os.kill(it, 0)
          allowed += 1
        except PermissionError:
          pass
      print(allowed, tries > 0, starts > 0)
      """;

  @TempDir Path directory;

  private static AccountChange change(AccountChange.Way way) {
    assumeTrue(Limits.effectiveUid() == 0, "only root can start a process as somebody else");
    String name = way == AccountChange.Way.SETPRIV ? "setpriv" : "chroot";
    for (String directory : List.of("/usr/bin", "/usr/sbin")) {
      Path program = Path.of(directory, name);
      if (Files.isExecutable(program)) {
        return new AccountChange(way, program);
      }
    }
    throw new AssertionError("there is no " + name);
  }

  @Test
  void findsSetprivHere() throws IOException {
    assertThat(AccountChange.ofThisHost()).isEqualTo(change(AccountChange.Way.SETPRIV));
  }

  private static List<byte[]> entries(String... texts) {
    List<byte[]> result = new ArrayList<>();
    for (String text : texts) {
      result.add(text.getBytes(UTF_8));
    }
    return result;
  }

  private static StartScript script(
      AccountChange.Way way, List<byte[]> environment, List<byte[]> foreign) {
    return new StartScript(environment, foreign).account(change(way).to(SOMEBODY));
  }

  private static Spawn spawn(StartScript script, List<String> sandbox, String... command) {
    return new Spawn(
            StartScript.SHELL.getBytes(UTF_8),
            script.arguments(sandbox, List.of(command)),
            script.environment())
        .inheritNoCapabilities()
        .checkAs(UID, GID, SOMEBODY.groups());
  }

  /** Lets it go, and returns all that it writes. */
  private static String run(Spawn spawn) throws IOException {
    Pipe.Ends output = Pipe.open();
    try (OwnedFd reader = output.reader();
        Child child = start(spawn, output.writer())) {
      String text = readAll(reader);
      awaitEnd(child);
      return text;
    }
  }

  private static Child start(Spawn spawn, OwnedFd moved) throws IOException {
    Pipe.Ends go = Pipe.open();
    try (OwnedFd writer = moved;
        OwnedFd input = go.reader();
        OwnedFd word = go.writer()) {
      Child child = spawn.place(input, 0).place(writer, 1).place(writer, 2).start();
      assertThat(word.writeNow(ByteBuffer.wrap(StartScript.go()))).isEqualTo(3);
      return child;
    }
  }

  private static String readAll(OwnedFd reader) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ByteBuffer some = ByteBuffer.allocate(4096);
    while (reader.read(some) >= 0) {
      all.write(some.array(), 0, some.position());
      some.clear();
    }
    return all.toString(ISO_8859_1);
  }

  private static void awaitEnd(Child child) {
    Await.until(() -> "ended", () -> child.ended().isPresent());
    child.reap();
  }

  @ParameterizedTest
  @EnumSource
  void givesTheProgramTheIdsAndAllElseThatIsAskedForAndNoCapability(AccountChange.Way way)
      throws IOException {
    List<String> wrapper = way == AccountChange.Way.SETPRIV ? List.of() : List.of("/usr/bin/env");
    for (List<String> sandbox : List.of(List.<String>of(), wrapper)) {
      StartScript script =
          script(way, entries(), List.of()).umask(027).openFiles(OptionalLong.of(99));
      Spawn spawn =
          spawn(script, sandbox, "/bin/cat", "/proc/self/status", "/proc/self/stat")
              .directory("/usr/lib")
              .nice(-3)
              .noNewPrivileges();

      String text = run(spawn);

      assertThat(text.replaceAll("[\t ]+\n", "\n").replace('\t', ' ').split("\n", -1))
          .contains(
              "Name: cat",
              "Uid: 64123 64123 64123 64123",
              "Gid: 64124 64124 64124 64124",
              "Groups: 64124 64200",
              "Umask: 0027",
              "NoNewPrivs: 1",
              "CapInh: " + NO_CAPABILITIES,
              "CapPrm: " + NO_CAPABILITIES,
              "CapEff: " + NO_CAPABILITIES,
              "CapAmb: " + NO_CAPABILITIES,
              ours("CapBnd"));
      assertThat(text.substring(text.lastIndexOf(')') + 2).split(" ", -1)[16]).isEqualTo("-3");
    }
  }

  private static String ours(String field) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith(field + ":"))
        .findFirst()
        .orElseThrow()
        .replace('\t', ' ');
  }

  @ParameterizedTest
  @EnumSource
  void saysThePidOfTheProgramBehindASandboxToo(AccountChange.Way way) throws IOException {
    for (List<String> sandbox : List.of(List.<String>of(), List.of("env", "setsid", "-w"))) {
      StartScript script = script(way, entries("PATH=/usr/bin:/bin"), entries("a.b=c"));
      assertThat(run(spawn(script, sandbox, "sh", "-c", "echo $((LISTEN_PID - $$))")))
          .isEqualTo("0\n");
    }
  }

  @Test
  void setsTheUmaskOfAProgramThatStaysOurs() throws IOException {
    StartScript script = new StartScript(entries("A=b"), List.of()).umask(0135);
    assertThat(script.environment()).hasSize(1);
    List<byte[]> arguments =
        script.arguments(List.of(), List.of("/bin/grep", "Umask", "/proc/self/status"));
    Spawn spawn = new Spawn(StartScript.SHELL.getBytes(UTF_8), arguments, script.environment());
    assertThat(run(spawn)).isEqualTo("Umask:\t0135\n");
  }

  @Test
  void saysThatTheAccountMayNotExecuteTheProgram() throws Exception {
    assumeTrue(Limits.effectiveUid() == 0, "only root can start a process as somebody else");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path program = executable("program", "#!/bin/sh\n");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    Launch launch = launch(program.toString());
    try (WorkerBench bench = new WorkerBench(directory)) {
      bench.workers.spawn(bench.order(launch));
      assertThat(bench.await(Event.SpawnFailed.class).message())
          .contains("exec " + program + " as uid 64123: EACCES (Permission denied)")
          .contains("that user may not execute it");
      Limits.changeOwner(program.toString(), UID, -1);
      assertThat(bench.run(bench.order(launch)).code()).isZero();
      bench.awaitNothingLeft();
    }
  }

  private static Launch launch(String program) {
    return new Launch(
        List.of(program),
        List.of(),
        SOMEBODY,
        null,
        new TreeMap<>(),
        null,
        List.of(),
        null,
        false,
        new Output.Journal());
  }

  @ParameterizedTest
  @EnumSource
  void clearsAllGroupsOfAnAccountThatHasNone(AccountChange.Way way) throws IOException {
    Account alone = new Account("alone", UID, GID, List.of(), "/", "/bin/sh");
    StartScript script = new StartScript(List.of(), List.of()).account(change(way).to(alone));
    assertThat(run(spawn(script, List.of(), "/bin/grep", "Groups", "/proc/self/status")).strip())
        .isEqualTo("Groups:");
  }

  @ParameterizedTest
  @EnumSource
  void staysInItsDirectory(AccountChange.Way way) throws IOException {
    StartScript script = script(way, List.of(), List.of());
    Spawn spawn = spawn(script, List.of(), "/bin/readlink", "/proc/self/cwd").directory("/usr/lib");
    assertThat(run(spawn)).isEqualTo("/usr/lib\n");
  }

  @ParameterizedTest
  @EnumSource
  void passesVariablesToTheProgramByteForByteAndNoneToWhatRootRuns(AccountChange.Way way)
      throws IOException {
    StringBuilder bytes = new StringBuilder("BYTES=");
    for (char each = 1; each < 256; each++) {
      bytes.append(each);
    }
    List<byte[]> environment =
        entries("PATH=/nowhere", "A==b $(c) `d` \\ '\" *", "OPENSSL_CONF=/x");
    environment.add(bytes.toString().getBytes(ISO_8859_1));

    StartScript script = script(way, environment, List.of());
    String printed = run(spawn(script, List.of(), "/usr/bin/env", "-0"));

    List<String> all = new ArrayList<>(List.of(printed.split("\0", -1)));
    all.removeIf(each -> each.matches("(LISTEN_PID|PWD|OLDPWD|SHLVL|_)=.*|"));
    assertThat(all)
        .containsExactlyInAnyOrder(
            "PATH=/nowhere", "A==b $(c) `d` \\ '\" *", "OPENSSL_CONF=/x", bytes.toString());
    for (byte[] entry : script.environment()) {
      assertThat(new String(entry, ISO_8859_1)).startsWith("HOLDFAST_CARRIED_");
    }
  }

  @ParameterizedTest
  @EnumSource
  void preloadsALibraryIntoTheProgramOnly(AccountChange.Way way) throws IOException {
    StartScript script = script(way, entries("LD_PRELOAD=/nowhere.so"), List.of());
    String printed = run(spawn(script, List.of(), "/usr/bin/printenv", "LD_PRELOAD"));
    // The loader of each process that it is in the environment of says that there is no such file.
    assertThat(printed.split("cannot be preloaded", -1)).hasSize(2);
    assertThat(printed).endsWith("\n/nowhere.so\n");
  }

  @ParameterizedTest
  @EnumSource
  void passesNamesThatNoShellCanWrite(AccountChange.Way way) throws IOException {
    StartScript script = script(way, entries("PATH=/usr/bin:/bin"), entries("a.b=c d"));
    assertThat(run(spawn(script, List.of(), "printenv", "a.b"))).isEqualTo("c d\n");
  }

  @ParameterizedTest
  @EnumSource
  void neverLetsAProcessOfTheAccountSignalAThreadOfTheBroker(AccountChange.Way way)
      throws IOException {
    Pipe.Ends output = Pipe.open();
    Pipe.Ends input = Pipe.open();
    StartScript script = script(way, List.of(), List.of());
    String broker = Long.toString(ProcessHandle.current().pid());
    // The script gives the program /dev/null as its input, so the pipe comes as another.
    String become = "exec 0<&3; exec \"$@\"";
    Spawn spawn =
        spawn(
            script,
            List.of(),
            "/bin/sh",
            "-c",
            become,
            "sh",
            "/usr/bin/python3",
            "-c",
            ATTACK,
            broker);
    try (OwnedFd reader = output.reader();
        OwnedFd other = input.reader();
        Child attacker = start(spawn.place(other, 3), output.writer())) {
      try (OwnedFd end = input.writer()) {
        assertThat(reader.read(ByteBuffer.allocate(1))).isEqualTo(1);
        for (int i = 0; i < 300; i++) {
          run(spawn(script(way, List.of(), List.of()), List.of(), "/bin/true"));
        }
        assertThat(end.isOpen()).isTrue();
      }
      assertThat(readAll(reader)).isEqualTo("0 True True\n");
      awaitEnd(attacker);
    }
  }

  @Test
  void takesAProgramOnlyThatKnowsHow() throws IOException {
    Path setpriv = executable("setpriv", "BusyBox: --nnp --inh-caps");
    assertThatThrownBy(() -> AccountChange.in(List.of(directory)))
        .hasMessage(
            "to start it as another user needs setpriv of util-linux, or chroot of coreutils, in "
                + directory
                + ": install util-linux");
    Path chroot = executable("chroot", "--userspec --skip-chdir");
    assertThat(AccountChange.in(List.of(directory)))
        .isEqualTo(new AccountChange(AccountChange.Way.CHROOT, chroot));
    executable("setpriv", "--reuid --clear-groups");
    assertThat(AccountChange.in(List.of(directory)))
        .isEqualTo(new AccountChange(AccountChange.Way.SETPRIV, setpriv));
  }

  private Path executable(String name, String text) throws IOException {
    Path file = Files.writeString(directory.resolve(name), text);
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @Test
  void writesNumbersThatAreNotTakenForNamesOrNegative() {
    Account highest = new Account("x", -2, -3, List.of(-3, 7), "/", "/bin/sh");
    assertThat(new AccountChange(AccountChange.Way.SETPRIV, Path.of("/s")).to(highest))
        .containsExactly(
            "/s", "--reuid=4294967294", "--regid=4294967293", "--groups=4294967293,7", "--");
    assertThat(new AccountChange(AccountChange.Way.CHROOT, Path.of("/c")).to(highest))
        .containsExactly(
            "/c",
            "--skip-chdir",
            "--userspec=+4294967294:+4294967293",
            "--groups=+4294967293,+7",
            "/");
  }
}
