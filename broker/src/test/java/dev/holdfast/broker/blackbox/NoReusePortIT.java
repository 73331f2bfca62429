package dev.holdfast.broker.blackbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadPlan;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.Workers;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Nothing of ours shares a port by SO_REUSEPORT.
 *
 * <p>The JDK itself asks, once, when it loads its network library, whether the kernel has the
 * option: it sets it on a socket which it made for that and closes next. That is seen here, and
 * told apart: such a socket is never bound.
 */
@Timeout(120)
class NoReusePortIT {
  private static final Pattern CALL =
      Pattern.compile("^(\\d+) +(?:<\\.\\.\\. )?(\\w+)(?:\\((\\d+)[,)]| resumed>)");

  @RegisterExtension final Brokers brokers = new Brokers();

  @Test
  void nobodySetsItOnASocketThatIsBound() throws Exception {
    Path directory = BrokerProcess.newDirectory();
    Path brokerTrace = directory.resolve("broker.strace");
    BrokerProcess broker =
        brokers.start(
            BrokerProcess.Options.listening("web", "127.0.0.1:0W")
                .under(traced(brokerTrace).toArray(String[]::new)),
            directory);
    Workers workers = brokers.workers(broker, "web");
    Path javaTrace = directory.resolve("java.strace");
    Path pythonTrace = directory.resolve("python.strace");
    workers.retire(workers.awaitAccepting(java(workers, traced(javaTrace))));
    workers.retire(workers.awaitAccepting(python(workers, directory, traced(pythonTrace))));
    assertThat(broker.terminate()).isZero();

    for (Path trace : List.of(brokerTrace, javaTrace, pythonTrace)) {
      List<String> calls = whole(trace);
      List<String> asked = calls.stream().filter(each -> each.contains("SO_REUSEPORT")).toList();
      assertThat(asked).as("probes of the one JDK in %s", trace).hasSizeLessThanOrEqualTo(1);
      assertThat(boundAfterReusePort(calls)).as("in %s", trace.getFileName()).isEmpty();
    }
    assertThat(boundSockets(whole(brokerTrace))).as("the trace sees bind(2)").isNotEmpty();
  }

  @Test
  void theSocketThatIsHandedOutDoesNotHaveIt() throws Exception {
    BrokerProcess broker = brokers.start("web");
    Workers workers = brokers.workers(broker, "web");
    String program =
        "import socket; s = socket.socket(fileno=3);"
            + " print(s.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT))";
    ProgramProcess asked = workers.exec("asked", Checkout.python(), "-c", program);
    assertThat(asked.awaitEnd()).as(asked.written()).isZero();
    assertThat(asked.outLines()).containsExactly("0");
  }

  @Test
  void allWorksWhereTheKernelRefusesIt() throws Exception {
    Path directory = BrokerProcess.newDirectory();
    Path refusing = Workers.compiled("refuse_reuseport", directory);
    assertThatItIsRefused(refusing);
    BrokerProcess broker =
        brokers.start(
            BrokerProcess.Options.listening("web", "127.0.0.1:0W").under(refusing.toString()),
            directory);
    Workers workers = brokers.workers(broker, "web");
    List<String> prefix = List.of(refusing.toString());
    workers.awaitAccepting(java(workers, prefix));
    workers.awaitAccepting(python(workers, directory, prefix));

    LoadPlan plan =
        LoadPlan.against(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), workers.port()))
            .withConcurrency(16)
            .withConnections(1_000);
    try (LoadGenerator load = LoadGenerator.start(plan)) {
      LoadReport report = load.await();
      assertThat(report.lostByKind()).isEmpty();
      assertThat(report.served()).isEqualTo(1_000);
    }
  }

  private static void assertThatItIsRefused(Path refusing) throws IOException {
    String program = "import socket; socket.socket().setsockopt(1, socket.SO_REUSEPORT, 1)";
    ProgramProcess tried =
        ProgramProcess.start(
            "python", List.of(refusing.toString(), Checkout.python(), "-c", program), Map.of());
    assertThat(tried.awaitEnd()).isEqualTo(1);
    assertThat(tried.written()).contains("Protocol not available");
  }

  private static ProgramProcess java(Workers workers, List<String> prefix) throws IOException {
    List<String> command = new ArrayList<>(prefix);
    command.addAll(List.of(Checkout.JAVA_HOME.resolve("bin/java").toString(), "-Xmx64m"));
    command.addAll(List.of("--add-opens", "java.base/sun.nio.ch=ALL-UNNAMED"));
    command.addAll(List.of("-cp", Checkout.agentClassPath()));
    command.addAll(List.of("dev.holdfast.agent.cli.EchoWorker", "--name", "java"));
    return workers.launch("java", command, Map.of());
  }

  private static ProgramProcess python(Workers workers, Path directory, List<String> prefix)
      throws IOException {
    List<String> command = new ArrayList<>(prefix);
    command.addAll(List.of(Checkout.command().toString(), "exec", "web", "--"));
    command.addAll(List.of(Checkout.python()));
    command.addAll(List.of(Workers.script("worker.py", directory).toString(), "python"));
    command.add("selectors");
    return workers.launch("python", command, Map.of());
  }

  /** With -D the tracer is not the program's parent, so that its pid is the one we started. */
  private static List<String> traced(Path output) {
    return List.of(
        Checkout.installed("strace", "strace"),
        "-D",
        "-f",
        "-e",
        "trace=setsockopt,socket,bind,listen,close",
        "-o",
        output.toString());
  }

  /** The tracer ends a little after the program. */
  private static List<String> whole(Path trace) throws IOException {
    String first = Files.readAllLines(trace).get(0);
    Pattern end = Pattern.compile("^" + first.substring(0, first.indexOf(' ')) + " +\\+\\+\\+ ");
    Await.until(
        () -> "the end of " + trace,
        () -> Files.readAllLines(trace).stream().anyMatch(end.asPredicate()));
    return Files.readAllLines(trace);
  }

  private static List<String> boundSockets(List<String> lines) {
    return lines.stream().filter(line -> line.contains(" bind(")).toList();
  }

  /** Calls bind or listen on a descriptor that got the option and was not closed since. */
  private static List<String> boundAfterReusePort(List<String> lines) {
    List<String> marked = new ArrayList<>();
    List<String> found = new ArrayList<>();
    for (String line : lines) {
      Matcher call = CALL.matcher(line);
      if (!call.find() || call.group(3) == null) {
        continue;
      }
      String descriptor = call.group(3);
      if (line.contains("SO_REUSEPORT")) {
        marked.add(descriptor);
      } else if (call.group(2).equals("close")) {
        marked.remove(descriptor);
      } else if (marked.contains(descriptor) && !call.group(2).equals("setsockopt")) {
        found.add(line);
      }
    }
    return found;
  }
}
