package dev.holdfast.broker.blackbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Options;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import java.io.FileInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** How a broker starts and ends, alone and beside others. */
@Timeout(60)
class LifecycleIT {
  private static final int NOBODY = 65534;
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  @RegisterExtension final Brokers brokers = new Brokers();

  @Test
  void aSecondBrokerIsRefusedWithThePidOfTheFirst() throws Exception {
    BrokerProcess first = brokers.start("web");
    ProgramProcess second =
        brokers.keep(
            BrokerProcess.launch(Options.listening("web", "127.0.0.1:0W"), first.directory()));
    assertThat(second.awaitEnd()).as(second.written()).isEqualTo(1);
    assertThat(second.errLines()).anyMatch(line -> line.contains("pid " + first.pid()));
    assertThat(BrokerProcess.pidBehind(first.socket())).isEqualTo(first.pid());
  }

  @Test
  void takesOverThePathOfABrokerThatWasKilled() throws Exception {
    Path directory = BrokerProcess.newDirectory();
    BrokerProcess killed = BrokerProcess.start(Options.none(), directory);
    killed.kill();
    assertThat(killed.socket()).exists();
    BrokerProcess next = brokers.start(Options.none(), directory);
    assertThat(next.pid()).isNotEqualTo(killed.pid());
  }

  @RepeatedTest(3)
  void ofTwoThatStartAtOnceExactlyOneWins() throws Exception {
    Path directory = BrokerProcess.newDirectory();
    ProgramProcess one = brokers.keep(BrokerProcess.launch(Options.none(), directory));
    ProgramProcess other = brokers.keep(BrokerProcess.launch(Options.none(), directory));
    CompletableFuture.anyOf(one.onExit(), other.onExit()).get(30, TimeUnit.SECONDS);
    ProgramProcess loser = one.isAlive() ? other : one;
    ProgramProcess winner = one.isAlive() ? one : other;
    assertThat(loser.awaitEnd()).as(loser.written()).isEqualTo(1);
    Path socket = BrokerProcess.socketIn(directory);
    Await.until(() -> "a broker at " + socket, () -> Files.exists(socket));
    assertThat(BrokerProcess.pidBehind(socket)).isEqualTo(winner.pid());
    try (VarlinkClient client = VarlinkClient.connect(new UnixAddress.Path(socket));
        Answer info = client.call("org.varlink.service.GetInfo", JsonObject.EMPTY, PATIENCE)) {
      assertThat(info.parameters().string("product")).isNotEmpty();
    }
    winner.signal(ProgramProcess.SIGTERM);
    assertThat(winner.awaitEnd()).as(winner.written()).isZero();
    BrokerProcess.delete(directory);
  }

  @Test
  void removesItsOwnPathsAndOnlyThose() throws Exception {
    Path directory = BrokerProcess.newDirectory();
    Path web = directory.resolve("web.sock");
    Path other = directory.resolve("other.sock");
    BrokerProcess broker =
        brokers.start(
            Options.listening("web", "unix:" + web).with("--listen", "other=unix:" + other),
            directory);
    assertThat(web).exists();
    Files.delete(other);
    Files.writeString(other, "somebody else's");
    Files.delete(broker.socket());
    Files.writeString(broker.socket(), "somebody else's");

    assertThat(broker.terminate()).as(broker.process().written()).isZero();

    assertThat(web).doesNotExist();
    assertThat(other).hasContent("somebody else's");
    assertThat(broker.socket()).hasContent("somebody else's");
    BrokerProcess.delete(directory);
  }

  @Test
  void anOrdinaryUserNeedsNoArgument() throws Exception {
    Path directory = BrokerProcess.newDirectory();
    Path runtime = Files.createDirectory(directory.resolve("run"));
    Options options = Options.none().atDefaultPaths();
    if (Checkout.isRoot()) {
      Files.setAttribute(runtime, "unix:uid", NOBODY);
      String nobody = Integer.toString(NOBODY);
      options =
          options.under(
              Checkout.installed("setpriv", "util-linux"),
              "--reuid",
              nobody,
              "--regid",
              nobody,
              "--clear-groups");
    }
    BrokerProcess broker =
        brokers.start(
            options
                .environment("HOME", runtime.toString())
                .environment("XDG_RUNTIME_DIR", runtime.toString()),
            directory);
    assertThat(broker.socket()).isEqualTo(runtime.resolve("holdfast/holdfast.sock"));
    JsonObject status = broker.control("Status", JsonObject.EMPTY);
    int uid = Checkout.isRoot() ? NOBODY : (int) Files.getAttribute(runtime, "unix:uid");
    assertThat(status.integer("uid")).isEqualTo(uid);
    JsonObject opened =
        broker.control("Listen", JsonObject.of("name", "web", "spec", "127.0.0.1:0W"));
    assertThat(opened.object("listener").integer("port")).isBetween(32768L, 60999L);
  }

  @Test
  void asProcessOneItReapsOrphans() throws Exception {
    assertThat(Checkout.isRoot()).as("only root can enter its pid namespace").isTrue();
    BrokerProcess broker =
        brokers.start(
            Options.listening("web", "127.0.0.1:0W")
                .under(Checkout.installed("unshare", "util-linux"), "-pf", "--mount-proc"));
    assertThat(broker.control("Status", JsonObject.EMPTY).integer("pid")).isEqualTo(1);
    ProgramProcess parent =
        ProgramProcess.start(
            "a parent that does not wait",
            List.of(
                Checkout.installed("nsenter", "util-linux"),
                "-t",
                Integer.toString(broker.pid()),
                "-p",
                "/bin/sh",
                "-c",
                "sleep 1000 >/dev/null 2>&1 &"),
            Map.of());
    assertThat(parent.awaitEnd()).as(parent.written()).isZero();
    ProcessHandle orphan =
        ProcessHandle.of(broker.pid()).orElseThrow().children().findFirst().orElseThrow();

    ProgramProcess.signal((int) orphan.pid(), ProgramProcess.SIGKILL);

    Path entry = Path.of("/proc/" + orphan.pid());
    Await.until(() -> "the end of the zombie " + orphan.pid(), () -> !Files.exists(entry));
  }

  @Test
  void tellsTheKernelsLimitsAsTheyAre() throws Exception {
    BrokerProcess broker = brokers.start("web");
    // A whole read at once: the kernel ends this file after a first read that is too short.
    byte[] text = new byte[64];
    int length;
    try (FileInputStream file = new FileInputStream("/proc/sys/net/core/somaxconn")) {
      length = file.read(text);
    }
    String limit = new String(text, 0, length, StandardCharsets.US_ASCII).strip();
    JsonObject status = broker.control("Status", JsonObject.EMPTY);
    assertThat(status.integer("somaxconn")).isEqualTo(Long.parseLong(limit));
    assertThat(broker.listener("web").integer("queueLimit"))
        .isLessThanOrEqualTo(status.integer("somaxconn"));
  }

  @Test
  void refusesAListenerThatCannotBeBoundAndSaysWhy() throws Exception {
    BrokerProcess first = brokers.start("web");
    Path directory = BrokerProcess.newDirectory();
    String taken = "127.0.0.1:" + first.port("web");
    ProgramProcess second =
        brokers.keep(BrokerProcess.launch(Options.listening("web", taken), directory));
    assertThat(second.awaitEnd()).as(second.written()).isEqualTo(71);
    assertThat(second.written()).contains(taken, "EADDRINUSE").doesNotContain("\tat ");
    assertThat(BrokerProcess.socketIn(directory)).doesNotExist();
    BrokerProcess.delete(directory);
  }
}
