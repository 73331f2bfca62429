package dev.holdfast.broker.javaagent;

import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SupervisedService;
import dev.holdfast.broker.testing.SupervisedService.View;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * A server as a service of a broker, beside others, with a listener of the same name. It is started
 * by a script, of which a deploy puts the next version in place.
 */
final class Deployed {
  /** Another than any server asks for. */
  static final int BACKLOG = 301;

  /** A dozen JVMs start at once, on two cores. */
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private static final String HOST = "127.0.0.1";

  private static final List<String> JVM_OPTIONS =
      List.of(
          "-javaagent:" + Checkout.javaAgent(),
          "-XX:+UseSerialGC",
          "-XX:TieredStopAtLevel=1",
          "-Xmx128m");

  private final Stage stage;
  private final JvmServer server;
  private final int port;
  private int version;

  private Deployed(Stage stage, JvmServer server, int port) {
    this.stage = stage;
    this.server = server;
    this.port = port;
  }

  /** Describes it to a broker that is not started yet. */
  static Deployed in(Stage stage, JvmServer server, int workers) throws IOException {
    Deployed deployed = new Deployed(stage, server, ListeningSocket.freePort());
    deployed.putNextVersion();
    stage
        .file()
        .listener(
            deployed.title(),
            "listen = \"" + HOST + ":" + deployed.port + "\"",
            "backlog = " + BACKLOG)
        .service(
            deployed.title(),
            stage.app(deployed.title()),
            "listeners = [\"" + deployed.title() + "\"]",
            "workers = " + workers,
            "ready-timeout = \"" + PATIENCE.toSeconds() + "s\"",
            // For so long two versions serve side by side.
            "settle = \"2s\"");
    return deployed;
  }

  String title() {
    return server.title();
  }

  JvmServer server() {
    return server;
  }

  int port() {
    return port;
  }

  /** What the newest version calls itself. */
  String version() {
    return title() + "-" + version;
  }

  /** From now on a worker that starts is of the next version. */
  void putNextVersion() throws IOException {
    version++;
    stage.become(title(), server.command(javaHome(), JVM_OPTIONS, HOST, port, version()));
  }

  /** The one under test, or one that the server runs on. */
  private Path javaHome() {
    return server.since() <= Checkout.javaVersion()
        ? Checkout.JAVA_HOME
        : Checkout.java(25).getParent().getParent();
  }

  SupervisedService service() {
    return stage.service(title());
  }

  View awaitRunning() throws Exception {
    return service()
        .await(
            PATIENCE,
            "running",
            view -> view.state().equals("running") && view.ready() == view.workers());
  }

  /** By {@code holdfast restart}, which must go well. */
  void restart() throws Exception {
    ProgramProcess restart = stage.begin("restart", title());
    Await.until(
        PATIENCE, () -> title() + " is restarted: " + restart.written(), () -> !restart.isAlive());
    if (restart.awaitEnd() != 0) {
      throw new AssertionError(
          title() + ": " + restart.written() + "\n" + stage.broker().lastWritten());
    }
  }

  Traffic traffic(int inFlight, int perSecond) throws Exception {
    return stage.keep(
        server.speaksGrpc()
            ? Traffic.Grpc.start(JvmServer.grpcLoad(port, inFlight))
            : Traffic.Http.start(stage.plan(title(), inFlight).withPerSecond(perSecond)));
  }

  @Override
  public String toString() {
    return title();
  }
}
