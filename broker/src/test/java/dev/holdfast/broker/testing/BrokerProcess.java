package dev.holdfast.broker.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ReplyStream;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** A holdfastd, from its start to its end. */
public final class BrokerProcess implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** States of a service in which it takes no other order. */
  private static final List<String> BUSY = List.of("restarting", "stopping");

  private final ProgramProcess process;
  private final Path directory;
  private final Path socket;
  private int pid; // another one after an upgrade
  private VarlinkClient control;
  private final long ownDescriptors;
  private final Duration startedIn;
  private boolean closed;

  private BrokerProcess(ProgramProcess process, Path directory, Path socket, Duration startedIn)
      throws IOException, VarlinkException {
    this.process = process;
    this.directory = directory;
    this.socket = socket;
    this.startedIn = startedIn;
    this.pid = pidBehind(socket);
    this.control = connect();
    warmUp();
    this.ownDescriptors = services().isEmpty() ? descriptorsOfItsOwn() : Resting.descriptors();
  }

  /**
   * Has it send a descriptor and read a file: with their first use the JDK and junixsocket open
   * three sockets between themselves, and keep them.
   */
  private void warmUp() throws IOException, VarlinkException {
    control("Status", JsonObject.EMPTY);
    String name = "warm-up";
    try (OwnedFd nothing = OwnedFd.openForReading("/dev/null");
        Answer stored =
            control.call(
                "dev.holdfast.Worker.Store",
                JsonObject.of("name", name, "fileDescriptorIndex", 0L),
                List.of(nothing),
                PATIENCE);
        Answer back =
            control.call(
                "dev.holdfast.Worker.Retrieve",
                JsonObject.of("name", name, "remove", true),
                PATIENCE)) {
      assertThat(stored.descriptors()).isEmpty();
      assertThat(back.descriptors()).hasSize(1);
    }
  }

  /** How a broker is to be started. Each method returns a changed copy. */
  public record Options(
      List<String> prefix,
      List<String> arguments,
      Map<String, String> environment,
      boolean defaultPaths) {

    public static Options none() {
      return new Options(List.of(), List.of(), Map.of(), false);
    }

    /** Opens a listener at the start. */
    public static Options listening(String name, String spec) {
      return none().with("--listen", name + "=" + spec);
    }

    public Options with(String... more) {
      return new Options(prefix, joined(arguments, List.of(more)), environment, defaultPaths);
    }

    /** Runs it by another program, which must end as the broker ends. */
    public Options under(String... command) {
      return new Options(
          joined(prefix, Arrays.asList(command)), arguments, environment, defaultPaths);
    }

    public Options environment(String name, String value) {
      Map<String, String> changed = new HashMap<>(environment);
      changed.put(name, value);
      return new Options(prefix, arguments, changed, defaultPaths);
    }

    /** No --socket and no --state: it finds its own places below HOME and XDG_RUNTIME_DIR. */
    public Options atDefaultPaths() {
      return new Options(prefix, arguments, environment, true);
    }

    private static List<String> joined(List<String> first, List<String> second) {
      List<String> all = new ArrayList<>(first);
      all.addAll(second);
      return all;
    }
  }

  /** A broker on TCP ports that the kernel has free, one for each name. */
  public static BrokerProcess start(String... names) throws IOException, VarlinkException {
    Options options = Options.none();
    for (String name : names) {
      options = options.with("--listen", name + "=127.0.0.1:0W");
    }
    return start(options);
  }

  /** Returns when the broker has said READY=1. */
  public static BrokerProcess start(Options options) throws IOException, VarlinkException {
    return start(options, newDirectory());
  }

  /** As {@link #start(Options)}, in a directory that it shares with others. */
  public static BrokerProcess start(Options options, Path directory)
      throws IOException, VarlinkException {
    Path notify = directory.resolve("notify-" + System.nanoTime());
    try (NotifySocket ready = NotifySocket.bind(notify)) {
      Files.setPosixFilePermissions(notify, PosixFilePermissions.fromString("rw-rw-rw-"));
      long begun = System.nanoTime();
      ProgramProcess process =
          launch(options.environment("NOTIFY_SOCKET", notify.toString()), directory);
      Boolean isReady = ready.awaitReady(process, PATIENCE);
      Duration startedIn = Duration.ofNanos(System.nanoTime() - begun);
      if (isReady == null || !isReady) {
        String how = isReady == null ? "did not become ready" : "ended with " + process.awaitEnd();
        process.close();
        throw new AssertionError("holdfastd " + how + ":\n" + process.written());
      }
      Files.delete(notify);
      Path socket =
          options.defaultPaths()
              ? Path.of(options.environment().getOrDefault("XDG_RUNTIME_DIR", "/run"))
                  .resolve("holdfast/holdfast.sock")
              : socketIn(directory);
      return new BrokerProcess(process, directory, socket, startedIn);
    }
  }

  /** Starts it and does not wait: for one that is expected to end by itself. */
  public static ProgramProcess launch(Options options, Path directory) throws IOException {
    List<String> command = new ArrayList<>(options.prefix());
    command.add(Checkout.broker().toString());
    if (!options.defaultPaths()) {
      command.addAll(List.of("--socket", socketIn(directory).toString()));
      command.addAll(List.of("--state", directory.resolve("state").toString()));
    }
    command.addAll(options.arguments());
    return ProgramProcess.start("holdfastd", command, options.environment());
  }

  /** A directory which other users may enter, unlike those of Files.createTempDirectory. */
  public static Path newDirectory() throws IOException {
    Path made = Files.createTempDirectory("holdfast-test");
    Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rwxr-xr-x"));
    return made;
  }

  public static Path socketIn(Path directory) {
    return directory.resolve("control.sock");
  }

  /** Of the process that listens on the control socket, whoever started it by whatever. */
  public static int pidBehind(Path socket) throws IOException {
    try (UnixSocket connection = UnixSocket.connect(new UnixAddress.Path(socket))) {
      return connection.peerCredentials().pid();
    }
  }

  public int pid() {
    return pid;
  }

  /** From the start of its program until it had said READY=1. */
  public Duration startedIn() {
    return startedIn;
  }

  /** Whether the process that was the broker last is there. */
  public boolean isAlive() {
    return !Processes.isGone(pid);
  }

  /**
   * After an upgrade: from now on this is the successor, whose log goes on where that of the old
   * one ended. The connection that is kept here must have come along.
   */
  public int succeeded() throws IOException, VarlinkException {
    int before = pid;
    pid = (int) control("Status", JsonObject.EMPTY).integer("pid");
    assertThat(pid).as("the pid of the successor").isNotEqualTo(before);
    Processes.awaitGone(before);
    if (before == process.pid()) {
      assertThat(process.awaitExit()).as("exit code of the old one: %s", lastWritten()).isZero();
    }
    return pid;
  }

  /** Somebody has started another in its place: waits until that one answers, and is it. */
  public int replaced() throws IOException, VarlinkException {
    int before = pid;
    control.close();
    Await.until(() -> "another broker than pid " + before, () -> answersAsAnother(before));
    control = connect();
    warmUp();
    pid = pidBehind(socket);
    return pid;
  }

  private boolean answersAsAnother(int before) {
    try (VarlinkClient client = connect();
        Answer status = client.call("dev.holdfast.Control.Status", JsonObject.EMPTY, PATIENCE)) {
      return status.parameters().has("pid") && pidBehind(socket) != before;
    } catch (IOException | VarlinkException e) {
      return false; // Not yet.
    }
  }

  /** Takes up the connection again that is kept here, to whichever process answers now. */
  public int reconnected() throws IOException, VarlinkException {
    control.close();
    control = connect();
    pid = (int) control("Status", JsonObject.EMPTY).integer("pid");
    return pid;
  }

  public Path socket() {
    return socket;
  }

  public Path directory() {
    return directory;
  }

  public ProgramProcess process() {
    return process;
  }

  public List<String> stderr() {
    return process.errLines();
  }

  public VarlinkClient connect() throws IOException {
    return VarlinkClient.connect(new UnixAddress.Path(socket));
  }

  /** Calls the operator's interface over a connection that is kept for it: one call at a time. */
  public synchronized JsonObject control(String member, JsonObject parameters)
      throws IOException, VarlinkException {
    try (Answer answer = control.call("dev.holdfast.Control." + member, parameters, PATIENCE)) {
      return answer.parameters();
    }
  }

  public JsonObject listener(String name) throws IOException, VarlinkException {
    return control("List", JsonObject.EMPTY).objects("listeners").stream()
        .filter(each -> each.string("name").equals(name))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no listener " + name));
  }

  public List<JsonObject> leases() throws IOException, VarlinkException {
    return control("List", JsonObject.EMPTY).objects("leases");
  }

  /** The names of its services; none for a broker that does not know what a service is. */
  public List<String> services() throws IOException, VarlinkException {
    return control("List", JsonObject.EMPTY).optionalObjects("services").orElse(List.of()).stream()
        .map(each -> each.string("name"))
        .toList();
  }

  /** Stops all services, after what is under way, and waits for the ends of their workers. */
  public void stopServices() throws IOException, VarlinkException {
    // One that is no longer configured is forgotten with its last worker.
    Await.until(
        () -> "services end: " + lastWritten(),
        () ->
            control("List", JsonObject.EMPTY).optionalObjects("services").orElse(List.of()).stream()
                .noneMatch(each -> each.string("state").equals("stopping")));
    for (String name : services()) {
      SupervisedService service = SupervisedService.of(this, name);
      SupervisedService.View free =
          service.await("free to be stopped", view -> !BUSY.contains(view.state()));
      if (!free.state().equals("stopped")) {
        service.succeed("stop");
      }
    }
  }

  /** The last lines of its log, for messages. */
  public String lastWritten() {
    List<String> lines = stderr();
    return String.join("\n", lines.subList(Math.max(0, lines.size() - 40), lines.size()));
  }

  public int port(String name) throws IOException, VarlinkException {
    return (int) listener(name).integer("port");
  }

  /** Watches from now on; the first reply, which is the present state, was read. */
  public Events watch() throws IOException, VarlinkException {
    return new Events(connect());
  }

  /** Descriptors open in the broker's process. */
  public long fdCount() throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      return open.count();
    }
  }

  /**
   * Stops its services, and waits for the ends of all leases, for the broker to have closed all but
   * its own, and to have reaped all that ended.
   */
  public void assertNothingLeaked() throws IOException, VarlinkException {
    stopServices();
    awaitNoLease();
    Await.until(
        Duration.ofSeconds(5),
        () -> "the broker left zombies: " + zombies(),
        () -> zombies().isEmpty());
    Await.until(
        Duration.ofSeconds(5),
        () -> {
          try {
            return "the broker kept descriptors: had "
                + ownDescriptors
                + " beside its listeners, has "
                + descriptorsOfItsOwn()
                + ":\n"
                + openNow();
          } catch (IOException | VarlinkException e) {
            return e.toString();
          }
        },
        () -> descriptorsOfItsOwn() <= ownDescriptors);
  }

  /** Its children that have ended and were not reaped. */
  public List<Processes.Entry> zombies() {
    try {
      return Processes.that(each -> each.parent() == pid && each.isZombie());
    } catch (IOException e) {
      throw new AssertionError("looking for zombies", e);
    }
  }

  private void awaitNoLease() throws IOException, VarlinkException {
    try (Events events = watch()) {
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (!leases().isEmpty()) {
        assertThat(events.next(Duration.ofNanos(end - System.nanoTime())))
            .as("the end of the leases %s", leases())
            .isPresent();
      }
    }
  }

  /** What is open beside the sockets that it holds for others: these may come and go in a test. */
  long descriptorsOfItsOwn() throws IOException, VarlinkException {
    JsonObject all = control("List", JsonObject.EMPTY);
    long held = all.objects("stored").size();
    for (JsonObject listener : all.objects("listeners")) {
      held += listener.has("endpoint") ? 1 : 0;
      held += listener.has("companion") ? 1 : 0;
    }
    return fdCount() - held;
  }

  private String openNow() throws IOException {
    StringBuilder text = new StringBuilder();
    try (Stream<Path> open = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      for (Path each : open.toList()) {
        text.append(each.getFileName()).append(' ').append(Files.readSymbolicLink(each));
        text.append('\n');
      }
    }
    return text.toString();
  }

  /** SIGTERM; the broker must end well, and leave nothing of its own behind. */
  @Override
  public void close() throws IOException {
    if (closed) {
      BrokerFamily.at(socket).end();
      delete(directory);
      return;
    }
    closed = true;
    control.close();
    try {
      boolean isOurChild = process.isAlive();
      ProgramProcess.signal(pid, ProgramProcess.SIGTERM);
      if (isOurChild) {
        assertThat(process.awaitEnd())
            .as("exit code after SIGTERM: %s", process.written())
            .isZero();
      } else {
        Processes.awaitGone(pid); // a successor, whose exit code its parent has
        process.awaitEnd();
        assertThat(process.errLines())
            .as("its log")
            .anyMatch(each -> each.contains("event=stopped"));
      }
      assertThat(socket).as("the control socket after a clean stop").doesNotExist();
    } finally {
      process.close();
      delete(directory);
    }
  }

  /** Ends it at once, by SIGKILL; leaves its paths. */
  public void kill() {
    abandon();
    ProgramProcess.signal(pid, ProgramProcess.SIGKILL);
    Processes.awaitGone(pid);
    process.awaitExit();
  }

  /** It is gone, or will be, by what the test does: nothing is expected of it any more. */
  public void abandon() {
    closed = true;
    control.close();
  }

  /** Ends it by SIGTERM without looking at what it leaves; returns the exit code. */
  public int terminate() {
    closed = true;
    control.close();
    ProgramProcess.signal(pid, ProgramProcess.SIGTERM);
    return process.awaitEnd();
  }

  /** Deletes it with all that is in it, if it is there. */
  public static void delete(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    Files.walkFileTree(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path emptied, IOException e)
              throws IOException {
            Files.deleteIfExists(emptied);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  /** The broker's events, one after the other. */
  public static final class Events implements AutoCloseable {
    private final VarlinkClient client;
    private final ReplyStream replies;

    private Events(VarlinkClient client) throws IOException, VarlinkException {
      this.client = client;
      this.replies = client.stream("dev.holdfast.Control.Watch", JsonObject.EMPTY);
      assertThat(replies.next(PATIENCE)).as("Watch: the present state").isPresent();
    }

    public Optional<JsonObject> next(Duration atMost) throws IOException, VarlinkException {
      return replies.next(atMost).map(reply -> reply.object("event"));
    }

    /** Skips events until one of these kinds comes. */
    public JsonObject await(String... kinds) throws IOException, VarlinkException {
      List<String> wanted = List.of(kinds);
      List<JsonObject> skipped = new ArrayList<>();
      while (true) {
        JsonObject event =
            next(PATIENCE)
                .orElseThrow(() -> new AssertionError("no event " + wanted + ", only " + skipped));
        if (wanted.contains(event.string("kind"))) {
          return event;
        }
        skipped.add(event);
      }
    }

    @Override
    public void close() {
      client.close();
    }
  }
}
