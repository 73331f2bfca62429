package dev.holdfast.broker.services;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadPlan;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.agent.load.Outcome;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Options;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.ServiceFile;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * One broker with services, its configuration and its clients. After the test the services are
 * stopped, and the broker must have closed and reaped all that came with them.
 *
 * <p>Register it as a field: {@code @RegisterExtension final Stage stage = new Stage();}
 */
public final class Stage implements BeforeEachCallback, AfterEachCallback {
  private final Brokers brokers = new Brokers();
  private Path directory = Path.of("/");
  private ServiceFile file = ServiceFile.in(directory);
  private BrokerProcess broker;
  private Options options = Options.none();

  @Override
  public void beforeEach(ExtensionContext context) throws IOException {
    directory = BrokerProcess.newDirectory();
    file = ServiceFile.in(directory);
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    brokers.afterEach(context);
    BrokerProcess.delete(directory);
  }

  /** Where scripts, sockets and logs of this test are; other users may enter it. */
  public Path directory() {
    return directory;
  }

  /** The configuration; {@link #start} writes it. */
  public ServiceFile file() {
    return file;
  }

  public BrokerProcess broker() {
    return broker;
  }

  public <T extends AutoCloseable> T keep(T resource) {
    return brokers.keep(resource);
  }

  /** Starts the broker with the configuration as it is now. */
  public BrokerProcess start() throws Exception {
    return start(Options.none());
  }

  public BrokerProcess start(Options wanted) throws Exception {
    file.write();
    options = wanted.with("--config", file.path().toString());
    return startAgain();
  }

  /** Starts another broker in place of one that died, with the same arguments. */
  public BrokerProcess startAgain() throws Exception {
    return startAgain(options);
  }

  /** As {@link #startAgain()}, by another command. */
  public BrokerProcess startAgain(Options changed) throws Exception {
    broker = brokers.start(changed, directory);
    return broker;
  }

  /** As it was started. */
  public Options options() {
    return options;
  }

  /** Kills the broker with -9, and returns when it is gone. */
  public void crash() {
    broker.kill();
  }

  /** A service web with this command on a listener web, all of it running. */
  public SupervisedService running(List<String> command, String... lines) throws Exception {
    file.listener("web").service("web", command, lines);
    start();
    SupervisedService service = service("web");
    service.awaitRunning();
    return service;
  }

  public SupervisedService service(String name) {
    return SupervisedService.of(broker, name);
  }

  public int port() throws Exception {
    return broker.port("web");
  }

  /** Workers by {@code holdfast exec} on a listener, which end with the test. */
  public Workers workers(String listener) throws Exception {
    return brokers.workers(broker, listener);
  }

  public ProgramProcess reload() throws Exception {
    file.write();
    ProgramProcess reload = keep(service("any").run("reload"));
    assertThat(reload.awaitEnd()).as(reload.written()).isZero();
    return reload;
  }

  /** Runs {@code holdfast WORDS} beside the test; it is ended with it. */
  public ProgramProcess begin(String... words) throws Exception {
    return keep(service("any").begin(words));
  }

  // ---- programs

  /** A Python program of the tests' resources. */
  public List<String> python(String script, Object... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Checkout.python());
    command.add(Workers.script(script, directory).toString());
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    return command;
  }

  /** A class of these tests. */
  public static List<String> java(Class<?> main, String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Checkout.JAVA_HOME.resolve("bin/java").toString(),
                "-Xmx64m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--add-opens",
                "java.base/sun.nio.ch=ALL-UNNAMED",
                "-cp",
                Checkout.testClassPath() + ":" + Checkout.agentClassPath(),
                main.getName()));
    command.addAll(Arrays.asList(arguments));
    return command;
  }

  /** The program that a service runs, which is replaced as a deploy does it: {@link #become}. */
  public List<String> app() {
    return app("app");
  }

  /** The same where there is more than one. */
  public List<String> app(String name) {
    return List.of(directory.resolve(name).toString());
  }

  /** From now on the app is this command. */
  public void become(List<String> command) throws IOException {
    become("app", command);
  }

  public void become(String name, List<String> command) throws IOException {
    String words =
        command.stream()
            .map(word -> "'" + word.replace("'", "'\\''") + "'")
            .collect(Collectors.joining(" "));
    becomeText(name, "#!/bin/sh\nexec " + words + "\n");
  }

  public void becomeText(String text) throws IOException {
    becomeText("app", text);
  }

  private void becomeText(String name, String text) throws IOException {
    Path whole = Files.writeString(directory.resolve(name + ".new"), text);
    Files.setPosixFilePermissions(whole, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.move(whole, directory.resolve(name), StandardCopyOption.ATOMIC_MOVE);
  }

  public ProgramProcess program(String title, String... command) throws Exception {
    ProgramProcess program =
        keep(
            ProgramProcess.start(
                title, List.of(command), Map.of("HOLDFAST_SOCKET", broker.socket().toString())));
    return program;
  }

  // ---- clients

  public LoadPlan plan(int concurrency) throws Exception {
    return plan("web", concurrency);
  }

  public LoadPlan plan(String listener, int concurrency) throws Exception {
    int port = broker.port(listener);
    return LoadPlan.against(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port))
        .withConcurrency(concurrency)
        .withTimeouts(Duration.ofSeconds(30), Duration.ofSeconds(30));
  }

  /** A load until the end of the test, or {@link #endWithoutLoss}. */
  public LoadGenerator load(int concurrency) throws Exception {
    return keep(LoadGenerator.start(plan(concurrency)));
  }

  public LoadGenerator load(String listener, int concurrency) throws Exception {
    return keep(LoadGenerator.start(plan(listener, concurrency)));
  }

  /** A light load, beside which a test on two cores has room for everything else. */
  public LoadGenerator lightLoad() throws Exception {
    return keep(LoadGenerator.start(plan(8).withPerSecond(500)));
  }

  public static LoadReport end(LoadGenerator load) throws InterruptedException {
    load.stop();
    LoadReport report = load.await();
    assertThat(report.local()).as("this side: %s", report.localProblem()).isZero();
    assertThat(report.served() + report.lost()).isEqualTo(report.started());
    return report;
  }

  public static LoadReport endWithoutLoss(LoadGenerator load) throws InterruptedException {
    LoadReport report = end(load);
    assertThat(report.lostByKind()).as("lost: %s", report.lostConnections()).isEmpty();
    return report;
  }

  /**
   * What was lost can only be what a killed worker had accepted: one at most for each kill, where
   * workers serve one connection at a time.
   */
  public static LoadReport endWithKills(LoadGenerator load, int kills) throws InterruptedException {
    LoadReport report = end(load);
    assertThat(report.count(Outcome.REFUSED)).as("refused").isZero();
    assertThat(report.count(Outcome.CONNECT_TIMED_OUT)).as("connects timed out").isZero();
    assertThat(report.count(Outcome.ANSWER_TIMED_OUT)).as("answers timed out").isZero();
    assertThat(report.lost())
        .as("lost with %d kills: %s", kills, report.lostConnections())
        .isLessThanOrEqualTo(kills);
    return report;
  }

  /** Waits until so many more were served: by then the load has met what is there now. */
  public static void awaitMore(LoadGenerator load, long more) {
    long wanted = load.snapshot().served() + more;
    Await.until(
        Duration.ofSeconds(30),
        () -> more + " more answers; " + load.snapshot(),
        () -> load.snapshot().served() >= wanted);
  }

  public String rss() throws IOException, VarlinkException {
    return Files.readAllLines(Path.of("/proc/" + broker.pid() + "/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .findFirst()
        .orElse("");
  }
}
