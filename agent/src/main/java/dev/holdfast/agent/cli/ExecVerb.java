package dev.holdfast.agent.cli;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.varlink.ControlAddress;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Takes listeners and becomes the program that serves them: same pid, nothing stays behind. */
@Command(
    name = "exec",
    description = "Become PROGRAM, with the named listeners open from descriptor 3 up.",
    customSynopsis =
        "holdfast exec [--fd0] [--env VAR[=TEXT]]... [--service S] [--replace]%n"
            + "              [--javaagent[=OPTIONS]]%n"
            + "              [--hold process|connection] [--stop-signal NAME] [--dry-run]%n"
            + "              [--socket PATH] [--json]%n"
            + "              NAME... -- PROGRAM [ARG]...",
    footer = {
      "",
      "PROGRAM finds LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES (a name for each socket), "
          + "HOLDFAST_LEASE, NOTIFY_SOCKET (it is ready when it says READY=1 there, or is seen "
          + "waiting on a listener), and no other descriptors but the standard streams. {fd:NAME} in an ARG, and in TEXT, becomes the "
          + "number of NAME's first socket. The lease ends with the process. PROGRAM is looked "
          + "for in PATH as execvp(3) does.",
      "",
      "With --javaagent a Java server that binds a port by itself takes the listener instead, "
          + "without a change. OPTIONS are the agent's, with commas between them: 8080=web says "
          + "which listener a port means. A PROGRAM that is called java gets the agent as its first "
          + "argument. Any other (a script that starts a JVM) gets it in JAVA_TOOL_OPTIONS, in "
          + "front of what that has: every JVM that the script starts loads it then, and prints "
          + "\"Picked up JAVA_TOOL_OPTIONS\" on its standard error, which cannot be switched off. "
          + "Where a command or JAVA_TOOL_OPTIONS has the agent already it stays as it is.",
      "",
      "Exit codes of its own: 126 PROGRAM cannot be executed, 127 it was not found, as "
          + "env(1) has them.",
      "With --json, a failure is an object on standard error: message, exitCode, error; "
          + "and --dry-run prints one object: lease, program, arguments, descriptors, "
          + "environment.",
      "",
      "Examples:",
      "  holdfast exec web -- ./server",
      "  holdfast exec --env NGINX web tls -- nginx -g 'daemon off;'",
      "  holdfast exec web -- node -e 'http.createServer(f).listen({fd: {fd:web}})'",
      "  holdfast exec --fd0 web -- java -jar inetd-style.jar",
      "  holdfast exec --javaagent=8080=web web -- java -jar shop.jar",
      "  holdfast exec --service shop --replace web -- ./shop-2.0"
    })
final class ExecVerb extends Verb implements TakesProgram {

  private static final int FIRST = 3;

  @Option(
      names = "--fd0",
      description =
          "Put the one listener on descriptor 0 instead, as inetd's wait services and Java's"
              + " System.inheritedChannel want it.")
  boolean fd0;

  @Option(
      names = "--env",
      paramLabel = "VAR[=TEXT]",
      description =
          "Set VAR to TEXT; without TEXT, to the numbers as nginx wants them in NGINX: 3;4;")
  List<String> variables = List.of();

  @Option(names = "--service", paramLabel = "S", description = "What this worker is a copy of.")
  @Nullable String service;

  @Option(
      names = "--replace",
      description = "Once this one is ready, older workers of the same service are asked to drain.")
  boolean replace;

  @Option(
      names = "--hold",
      paramLabel = "process|connection",
      description =
          "What the lease follows: this process (default), or a connection that PROGRAM and its"
              + " children keep open, on the descriptor after the last socket.")
  String hold = "process";

  @Option(
      names = "--stop-signal",
      paramLabel = "NAME",
      description =
          "What asks PROGRAM to finish when its lease drains: TERM (default), QUIT for nginx, ...")
  @Nullable String stopSignal;

  @Option(
      names = "--javaagent",
      paramLabel = "OPTIONS",
      arity = "0..1",
      preprocessor = AttachedValue.class,
      description = "Have the JVM that PROGRAM is, or starts, load Holdfast's agent.")
  @Nullable String javaagent;

  @Option(
      names = "--dry-run",
      description = "Take the listeners, print what PROGRAM would get, give them back.")
  boolean dryRun;

  @Parameters(paramLabel = "NAME", arity = "1..*", description = "The listeners, in this order.")
  List<String> names = List.of();

  private List<String> words = List.of();

  @Override
  public boolean programIsOptional() {
    return false;
  }

  @Override
  public void program(List<String> programWords) {
    words = programWords;
  }

  @Override
  String attempted() {
    return "acquire " + String.join(", ", names);
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, IOException, VarlinkException {
    check();
    socket = socket == null ? null : absolute(ByteText.decode(socket));
    ProgramEnvironment environment = ProgramEnvironment.ofThisProcess();
    Program program = Program.find(words, environment.value("PATH"));
    JavaAgent agent = javaagent == null ? null : JavaAgent.installed(javaagent);
    try (Broker broker = connect(surroundings);
        Acquisition acquired = Acquisition.take(broker, request())) {
      if (fd0 && acquired.sockets().size() != 1) {
        acquired.release();
        throw new Failure(
            ExitCode.USAGE,
            "exec --fd0: "
                + names.get(0)
                + " has "
                + acquired.sockets().size()
                + " sockets, and there is one descriptor 0");
      }
      int first = fd0 ? 0 : FIRST;
      place(program, broker, acquired.sockets(), first);
      fill(environment, acquired, first);
      List<String> arguments = program.arguments(acquired.names(), first);
      if (agent != null) {
        try {
          arguments = agent.given(program, arguments, environment);
        } catch (Failure e) {
          acquired.release();
          throw e;
        }
      }
      Failure failure =
          dryRun ? program.rehearse(arguments, environment) : program.start(arguments, environment);
      // Had this failed the lease would end with us anyway, a moment later.
      acquired.release();
      if (!dryRun) {
        throw failure;
      }
      DryRun.print(this, surroundings, program, arguments, environment, acquired, first);
      return ExitCode.OK;
    }
  }

  private void check() throws Failure {
    if (fd0 && names.size() != 1) {
      throw new Failure(ExitCode.USAGE, "exec --fd0: there is one descriptor 0, so give one NAME");
    }
    if (fd0 && javaagent != null) {
      throw new Failure(
          ExitCode.USAGE,
          "exec --fd0 --javaagent: the agent takes listeners from descriptor 3 up; leave out --fd0");
    }
    if (!hold.equals("process") && !hold.equals("connection")) {
      throw new Failure(
          ExitCode.USAGE, "exec --hold " + hold + ": only process or connection can be held");
    }
    if (replace && service == null) {
      throw new Failure(
          ExitCode.USAGE,
          "exec --replace: give --service S too; only its own workers are replaced");
    }
    if (stopSignal != null && hold.equals("connection")) {
      throw new Failure(
          ExitCode.USAGE,
          "exec --stop-signal: there is no process to send it to with --hold connection");
    }
    for (String word : words) {
      Placeholders.check(word, names);
    }
    for (String variable : variables) {
      if (variable.indexOf('=') == 0) {
        throw new Failure(ExitCode.USAGE, "exec --env " + variable + ": the name is missing");
      }
      Placeholders.check(variable, names);
    }
  }

  private JsonObject request() {
    boolean follows = hold.equals("process");
    return JsonObject.builder()
        .put("listeners", names)
        .put("hold", hold)
        .put("service", service == null ? null : ByteText.decode(service))
        .put("replace", replace ? Boolean.TRUE : null)
        .put("notify", follows ? Boolean.TRUE : null)
        .put("stopSignal", follows ? stopSignal() : null)
        .build();
  }

  /** The broker knows the names, so that nothing of signals is loaded here. */
  private String stopSignal() {
    return stopSignal == null ? "TERM" : ByteText.decode(stopSignal);
  }

  private void place(Program program, Broker broker, List<OwnedFd> sockets, int first) {
    for (int i = 0; i < sockets.size(); i++) {
      program.place(sockets.get(i), first + i);
    }
    if (hold.equals("connection")) {
      program.place(broker.descriptor(), fd0 ? FIRST : first + sockets.size());
    }
  }

  private void fill(ProgramEnvironment environment, Acquisition acquired, int first) {
    if (fd0) {
      environment.passNoDescriptors();
    } else {
      environment.passDescriptors(acquired.names());
    }
    String notify = acquired.notifySocket();
    boolean isOurWorker = acquired.lease().equals(environment.value("HOLDFAST_LEASE"));
    if (notify == null && !isOurWorker) { // a worker that the broker started has one from it
      // It would be our own supervisor's, who must not take the program's words for ours.
      environment.remove("NOTIFY_SOCKET");
    } else if (notify != null) {
      environment.set("NOTIFY_SOCKET", ByteText.encode(notify));
    }
    environment.set("HOLDFAST_LEASE", ByteText.encode(acquired.lease()));
    if (socket != null) {
      environment.set(ControlAddress.VARIABLE, ByteText.encode(socket));
    }
    for (String variable : variables) {
      int equals = variable.indexOf('=');
      if (equals < 0) {
        environment.set(variable, numbers(acquired.names().size(), first));
      } else {
        String text = variable.substring(equals + 1);
        environment.set(
            variable.substring(0, equals), Placeholders.replace(text, acquired.names(), first));
      }
    }
  }

  /** {@code 3;4;}, which is how nginx hands listeners to its next binary. */
  static String numbers(int count, int first) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      text.append(first + i).append(';');
    }
    return text.toString();
  }

  /** The program may change its directory, and still has to find the broker. */
  private static String absolute(String address) {
    return address.startsWith("@") || address.startsWith("/")
        ? address
        : Path.of(address).toAbsolutePath().toString();
  }
}
