package dev.holdfast.broker;

import dev.holdfast.broker.config.ConfigException;
import dev.holdfast.broker.config.Configuration;
import dev.holdfast.broker.control.ControlSocket;
import dev.holdfast.broker.control.Operator;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.broker.survive.SupervisorStore;
import dev.holdfast.fd.Children;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.Signals;
import dev.holdfast.fd.Supervisor;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.varlink.ControlAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** {@code holdfastd}. Exit codes are those of sysexits.h, and 1 for a refusal. */
public final class Main {

  private static final int REFUSED = 1;
  private static final int USAGE = 64;
  private static final int SYSTEM = 71;
  private static final int CONFIG = 78;

  /** The descriptors that it is to store fill its queue just before it has to be told. */
  private static final Duration SUPERVISOR_PATIENCE = Duration.ofSeconds(5);

  /** What the kernel gives process 1. */
  private static final long DEFAULT_OPEN_FILES = 1024;

  private final Arguments arguments;
  private final List<String> words;

  private Main(Arguments arguments, List<String> words) {
    this.arguments = arguments;
    this.words = words;
  }

  // Written by main and by the JVM's thread for signals, each before it reads the other.
  private volatile boolean stopAsked;
  private volatile @Nullable Broker running;

  private final String supervisor = Optional.ofNullable(System.getenv("NOTIFY_SOCKET")).orElse("");

  public static void main(String[] args) {
    int status;
    try {
      status = run(args);
    } catch (RuntimeException e) {
      complain("internal error: " + e + "; please report it (HOLDFAST_DEBUG=1 shows where)");
      if ("1".equals(System.getenv("HOLDFAST_DEBUG"))) {
        e.printStackTrace();
      }
      status = 70;
    }
    System.exit(status);
  }

  private static int run(String[] words) {
    Arguments arguments;
    try {
      arguments = Arguments.parse(words);
    } catch (InvalidSpecException | IllegalArgumentException e) {
      complain(e.getMessage() + "; holdfastd --help tells the options");
      return USAGE;
    }
    if (arguments.help()) {
      System.out.print(Arguments.HELP);
      return 0;
    }
    if (arguments.version()) {
      System.out.println("holdfastd " + version());
      return 0;
    }
    return new Main(arguments, List.of(words)).start();
  }

  private static void complain(@Nullable String problem) {
    System.err.println("holdfastd: " + problem);
  }

  static String version() {
    String built = Main.class.getPackage().getImplementationVersion();
    return built == null ? "unreleased" : built;
  }

  private int start() {
    Settings settings =
        new Settings(
            Optional.ofNullable(arguments.config()).map(Path::toAbsolutePath),
            arguments.listeners());
    Configuration configuration;
    try {
      configuration = settings.read();
    } catch (ConfigException e) {
      e.problems().forEach(problem -> complain(problem.toString()));
      return CONFIG;
    }
    int status = serve(settings, configuration);
    if (arguments.train()) {
      boolean unused = trainingDirectory().toFile().delete(); // its journal went with the broker
    }
    return status;
  }

  private int serve(Settings settings, Configuration configuration) {
    UnixAddress address;
    Place place;
    handleSignals(); // before there is a path that a signal could leave behind
    try {
      address = address(configuration);
      place = Place.of(address, stateDirectory(configuration, address));
    } catch (IOException | IllegalArgumentException e) {
      complain("open the control socket: " + e.getMessage());
      return SYSTEM;
    }
    long openFiles = raiseOpenFiles();
    try (Beginning beginning =
        Beginning.at(
            place,
            arguments.takeover(),
            pathSettings(configuration),
            settings.merge(configuration).listeners())) {
      return serve(settings, configuration, place, openFiles, beginning);
    } catch (ControlSocket.TakenException e) {
      complain(e.getMessage());
      return REFUSED;
    } catch (IOException | IllegalArgumentException e) {
      complain("open the control socket: " + e.getMessage());
      return SYSTEM;
    }
  }

  private int serve(
      Settings settings,
      Configuration configuration,
      Place place,
      long openFiles,
      Beginning beginning) {
    boolean journal = System.getenv("JOURNAL_STREAM") != null;
    Log log = new Log(journal, Instant::now);
    Operator.Identity identity =
        new Operator.Identity(
            Limits.processId(),
            Limits.effectiveUid(),
            version(),
            place.address().toString(),
            place.stateDirectory(),
            settings.file(),
            Instant.now());
    Broker.Host host =
        new Broker.Host(
            journal,
            openFiles,
            place.notifySockets(),
            place.journal(),
            new SupervisorStore(supervisor, line -> log.line("event=warning " + line)),
            words);
    try (Broker broker = new Broker(identity, settings, beginning.takeControlSocket(), log, host)) {
      if (stopAsked) {
        return 0;
      }
      Optional<String> failure = begin(broker, configuration, beginning, log);
      if (failure.isPresent()) {
        complain(failure.get());
        return SYSTEM;
      }
      running = broker;
      if (stopAsked) {
        broker.shutDown();
      }
      log.line(
          "event=started version="
              + identity.version()
              + " pid="
              + identity.pid()
              + " socket="
              + place.address()
              + settings.file().map(file -> " config=" + file).orElse("")
              + beginning.describe());
      String mainProcess = beginning.arrival().isEmpty() ? "" : "MAINPID=" + identity.pid() + "\n";
      tell(supervisor, mainProcess + "READY=1\nSTATUS=Holding listeners", SUPERVISOR_PATIENCE);
      if (arguments.train()) {
        new Training(place.address(), place.journal(), broker).start();
      }
      reapChildren(broker);
      Thread.currentThread().setName("broker-loop");
      run(broker);
      OptionalInt successor = broker.successor();
      if (successor.isPresent()) {
        // Whoever supervises us believes it from us only (NotifyAccess=main).
        tell(supervisor, "MAINPID=" + successor.getAsInt(), SUPERVISOR_PATIENCE);
        broker.letGo();
        log.line("event=replaced by=" + successor.getAsInt());
        return 0;
      }
      log.line("event=stopped");
      return 0;
    } catch (IOException e) {
      complain(e.getMessage());
      return SYSTEM;
    }
  }

  private static void run(Broker broker) throws IOException {
    try {
      broker.run();
    } catch (RuntimeException e) {
      broker.letGo(); // a bug ends us as a signal would: the next broker finds everything again
      throw e;
    }
  }

  /** Why it cannot; empty when it serves. */
  private static Optional<String> begin(
      Broker broker, Configuration configuration, Beginning beginning, Log log) throws IOException {
    beginning.problems().forEach(problem -> log.line("event=warning " + problem));
    beginning.findings().forEach(finding -> log.line("event=recovery " + finding));
    Optional<Inheritance> inheritance = beginning.takeInheritance();
    if (inheritance.isEmpty()) {
      return broker.start(configuration);
    }
    Optional<Arrival> arrival = beginning.arrival();
    try {
      broker.inherit(inheritance.get(), configuration);
      if (arrival.isPresent()) {
        arrival.get().serve();
        arrival.get().close(); // the broker that was there is about to end
      }
    } catch (IOException e) {
      broker.letGo();
      if (arrival.isEmpty()) {
        throw e;
      }
      return Optional.of(e.getMessage() + "; the broker that is there goes on");
    }
    broker.resume(configuration);
    return Optional.empty();
  }

  /**
   * A broker needs as many descriptors as it may have. Returns the limit that was in force before.
   */
  private static long raiseOpenFiles() {
    try {
      Limits.OpenFiles given = Limits.openFiles();
      Limits.setOpenFiles(given.hard());
      return given.soft();
    } catch (ErrnoException e) {
      complain("raise the limit of open files: " + e.getMessage() + "; it stays as it is");
      return DEFAULT_OPEN_FILES;
    }
  }

  private void handleSignals() {
    Signals.onSignal("TERM", name -> stop());
    Signals.onSignal("INT", name -> stop());
    Signals.onSignal(
        "HUP",
        name -> {
          Broker broker = running;
          if (broker != null) {
            broker.reload();
          }
        });
  }

  /** The first time everything is wound up; the second time nothing is waited for. */
  private void stop() {
    if (!stopAsked) {
      tell(supervisor, "STOPPING=1", Duration.ZERO);
    }
    stopAsked = true;
    Broker broker = running;
    if (broker != null) {
      broker.shutDown();
    }
  }

  /**
   * Children have to be reaped: workers, and what lost its parent below us or in our pid namespace.
   * Called late: the JDK sets SIGCHLD to its default when it first looks at processes, and at its
   * start it may.
   */
  private static void reapChildren(Broker broker) {
    try {
      Children.becomeSubreaper();
    } catch (ErrnoException e) {
      complain(e.getMessage() + "; workers that go into the background are not followed");
    }
    Signals.onSignal("CHLD", name -> broker.reap());
    broker.reap();
  }

  private static void tell(String supervisor, String lines, Duration atMost) {
    try {
      Supervisor.tell(supervisor, lines, atMost);
    } catch (ErrnoException | IllegalArgumentException e) {
      complain("NOTIFY_SOCKET: " + e.getMessage());
    }
  }

  private UnixAddress address(Configuration configuration) throws IOException {
    String named = arguments.socket();
    if (named != null) {
      return UnixAddress.parse(named);
    }
    UnixAddress configured = configuration.socket();
    if (configured != null && System.getenv(ControlAddress.VARIABLE) == null) {
      return makeDirectory(configured);
    }
    UnixAddress found = makeDirectory(ControlAddress.find());
    if (found instanceof UnixAddress.Path at && at.path().startsWith("/tmp")) {
      // Another user may have made it in between, and would own whatever socket is in it.
      Path parent = at.path().getParent();
      if (parent != null && System.getenv(ControlAddress.VARIABLE) == null) {
        ControlAddress.requirePrivate(parent, Limits.effectiveUid());
      }
    }
    return found;
  }

  /**
   * Makes the directory of the default socket: for root open to all, since rights decide; else
   * private.
   */
  private static UnixAddress makeDirectory(UnixAddress address) throws IOException {
    if (address instanceof UnixAddress.Path at) {
      Path parent = at.path().toAbsolutePath().getParent();
      if (parent != null && !Files.isDirectory(parent, LinkOption.NOFOLLOW_LINKS)) {
        String mode = Limits.effectiveUid() == 0 ? "rwxr-xr-x" : "rwx------";
        Files.createDirectories(
            parent, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(mode)));
      }
    }
    return address;
  }

  /** Beside the archive that comes of it, where nobody else may write. */
  private static Path trainingDirectory() {
    return Path.of(System.getProperty("holdfast.home", "."), "archive", "training");
  }

  /** Empty where none was named, and there is no directory of the control socket's. */
  private Optional<Path> stateDirectory(Configuration configuration, UnixAddress address)
      throws IOException {
    Path given = arguments.state();
    Path named = given != null ? given : configuration.state();
    if (named == null && arguments.train()) {
      named = trainingDirectory();
    }
    if (named == null) {
      return address instanceof UnixAddress.Path at
          ? Optional.ofNullable(at.path().toAbsolutePath().getParent())
          : Optional.empty();
    }
    Files.createDirectories(
        named, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    return Optional.of(named.toAbsolutePath());
  }

  private static SocketSettings pathSettings(Configuration configuration) {
    return new SocketSettings(
        null,
        false,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        configuration.mode(),
        configuration.uid(),
        configuration.gid());
  }
}
