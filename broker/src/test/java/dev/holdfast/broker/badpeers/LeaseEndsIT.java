package dev.holdfast.broker.badpeers;

import static dev.holdfast.broker.badpeers.Siege.CONTROL;
import static dev.holdfast.broker.badpeers.Siege.NOBODY;
import static dev.holdfast.broker.badpeers.Siege.WORKER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.varlink.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Peers that end, or stop, in the middle of something. */
@Timeout(300)
class LeaseEndsIT {

  private static final String ACQUIRE =
      "{\"method\":\"" + WORKER + "Acquire\",\"parameters\":{\"listeners\":[\"web\"]}}";
  private static final String ACQUIRE_FOR_CONNECTION =
      "{\"method\":\""
          + WORKER
          + "Acquire\",\"parameters\":{\"listeners\":[\"web\"],\"hold\":\"connection\"}}";
  private static final String STORE =
      "{\"method\":\""
          + WORKER
          + "Store\",\"parameters\":{\"name\":\"x\",\"fileDescriptorIndex\":0}}";

  @RegisterExtension final Siege siege = new Siege();

  private static List<String[]> steps() {
    return List.of(
        new String[] {""},
        new String[] {"{\"method\":"},
        new String[] {"fd {\"method\":"},
        new String[] {ACQUIRE},
        new String[] {ACQUIRE + "\\0"},
        new String[] {ACQUIRE_FOR_CONNECTION + "\\0"},
        new String[] {ACQUIRE + "\\0", "{\"meth"},
        new String[] {ACQUIRE_FOR_CONNECTION + "\\0", ACQUIRE + "\\0", ACQUIRE + "\\0"},
        new String[] {"{\"method\":\"" + CONTROL + "Watch\",\"more\":true}\\0"},
        new String[] {"fd " + STORE + "\\0"});
  }

  @Test
  void aPeerThatIsKilledAtAnyStepLeavesNothing() throws Exception {
    BrokerProcess broker = siege.start();
    List<ProgramProcess> peers = new ArrayList<>();
    for (String[] step : steps()) {
      peers.add(siege.script("0", broker, "stay.py", step));
    }
    for (ProgramProcess peer : peers) {
      Await.until(() -> peer.written(), () -> peer.outLines().contains("stays"));
      peer.signal(ProgramProcess.SIGKILL);
    }
    expectNoLeaseOf(broker, peers);
  }

  @Test
  void aPeerThatIsStoppedAtAnyStepHoldsUpNobody() throws Exception {
    BrokerProcess broker = siege.start("frame-time = \"200ms\"", "silent-time = \"300ms\"");
    List<ProgramProcess> peers = new ArrayList<>();
    for (String[] step : steps()) {
      ProgramProcess peer = siege.script("0", broker, "stay.py", step);
      Await.until(() -> peer.written(), () -> peer.outLines().contains("stays"));
      peer.freeze();
      peers.add(peer);
    }
    for (int i = 0; i < 200; i++) {
      try (BadPeer peer = BadPeer.connect(broker.socket())) {
        peer.expectWorks();
      }
    }
    // Stopped is not ended: what it holds is its own until it is gone.
    assertThat(broker.leases().stream().map(lease -> lease.integer("pid")))
        .contains((long) peers.get(4).pid(), (long) peers.get(5).pid());
    peers.forEach(ProgramProcess::kill);
    expectNoLeaseOf(broker, peers);
  }

  private static void expectNoLeaseOf(BrokerProcess broker, List<ProgramProcess> peers) {
    List<Long> pids = peers.stream().map(peer -> (long) peer.pid()).toList();
    Await.until(
        () -> "leases of processes that were killed",
        () -> broker.leases().stream().noneMatch(lease -> pids.contains(lease.integer("pid"))));
  }

  @Test
  void aLeaseOfAConnectionEndsWithItAndOneOfAProcessDoesNot() throws Exception {
    BrokerProcess broker = siege.start();
    for (int i = 0; i < 50; i++) {
      try (BadPeer peer = BadPeer.connect(broker.socket())) {
        peer.say(ACQUIRE_FOR_CONNECTION.replace("\"hold\"", "\"service\":\"brief\",\"hold\""));
        assertThat(peer.error()).isEqualTo("no error");
      }
    }
    Await.until(() -> "leases of connections", () -> !broker.leases().toString().contains("brief"));
    String lease;
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      peer.say(ACQUIRE);
      lease = peer.reply().orElseThrow().object("parameters").string("lease");
    }
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      peer.send(BadPeer.call(WORKER + "Ready", "{\"lease\":\"" + lease + "\"}"));
      assertThat(peer.error()).isEqualTo("no error");
      peer.send(BadPeer.call(WORKER + "Release", "{\"lease\":\"" + lease + "\"}"));
      assertThat(peer.error()).isEqualTo("no error");
      peer.send(BadPeer.call(WORKER + "Release", "{\"lease\":\"" + lease + "\"}"));
      assertThat(peer.error()).isEqualTo(WORKER + "NoSuchLease");
    }
  }

  @Test
  void aHundredListenersComeInPartsAndMayBeAbandonedAfterAnyOfThem() throws Exception {
    String more =
        IntStream.range(0, 100)
            .mapToObj(i -> "[listener.n" + i + "]\nlisten = \"127.0.0.1:0W\"\n")
            .collect(Collectors.joining());
    BrokerProcess broker = siege.start(BrokerProcess.Options.none(), more);
    String names =
        IntStream.range(0, 100).mapToObj(i -> "\"n" + i + "\"").collect(Collectors.joining(","));
    byte[] acquire =
        BadPeer.call(WORKER + "Acquire", "{\"listeners\":[" + names + "],\"hold\":\"connection\"}");
    for (int parts = 1; parts <= 4; parts++) {
      try (BadPeer peer = BadPeer.connect(broker.socket())) {
        String lease = "";
        for (int part = 1; part <= parts; part++) {
          JsonObject granted = peer.send(acquire).reply().orElseThrow().object("parameters");
          assertThat(granted.bool("remaining", false)).isEqualTo(part < 4);
          assertThat(part == 1 ? granted.string("lease") : lease)
              .isEqualTo(granted.string("lease"));
          lease = granted.string("lease");
          assertThat(granted.objects("sockets")).hasSize(part < 4 ? 32 : 4);
        }
        assertThat(peer.descriptorsReceived()).isEqualTo(Math.min(100, parts * 32));
        peer.expectWorks();
        // Whoever did something else in between begins anew, with another lease.
        JsonObject anew = peer.send(acquire).reply().orElseThrow().object("parameters");
        assertThat(anew.string("lease")).isNotEqualTo(lease);
        assertThat(anew.objects("sockets")).hasSize(32);
      }
    }
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      JsonObject first = peer.send(acquire).reply().orElseThrow().object("parameters");
      broker.control("Drain", JsonObject.of("lease", first.string("lease"), "deadlineUsec", "1"));
      Await.until(
          () -> "the end of the lease",
          () -> !broker.leases().toString().contains(first.string("lease")));
      JsonObject next = peer.send(acquire).reply().orElseThrow().object("parameters");
      assertThat(next.string("lease")).as("a lease that lives").isNotEqualTo(first.string("lease"));
    }
  }

  @Test
  void streamsThatAreAbandonedAreForgotten() throws Exception {
    BrokerProcess broker = siege.start();
    BadPeer holder = siege.keep(BadPeer.connect(broker.socket()));
    holder.say(ACQUIRE_FOR_CONNECTION);
    String lease = holder.reply().orElseThrow().object("parameters").string("lease");
    String wait =
        "{\"method\":\""
            + WORKER
            + "Await\",\"parameters\":{\"lease\":\""
            + lease
            + "\"},\"more\":true}";
    for (int i = 0; i < 300; i++) {
      try (BadPeer peer = BadPeer.connect(broker.socket())) {
        peer.say(wait);
        if (i % 2 == 0) {
          assertThat(peer.reply()).isPresent();
        }
      }
    }
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      peer.say(wait);
      assertThat(peer.reply().orElseThrow().object("parameters").string("state"))
          .isEqualTo("warming");
      holder.close();
      JsonObject last = peer.reply().orElseThrow();
      assertThat(last.object("parameters").string("state")).isEqualTo("revoked");
      assertThat(last.has("continues")).isFalse();
      peer.expectWorks();
    }
  }

  @Test
  void momentsAndAddressesBeyondAllBoundsEndNothing() throws Exception {
    BrokerProcess broker = siege.start();
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      peer.say(ACQUIRE_FOR_CONNECTION);
      String lease = peer.reply().orElseThrow().object("parameters").string("lease");
      for (String deadline : List.of("9223372036854775807", "8223372036854775807")) {
        peer.send(
            BadPeer.call(
                CONTROL + "Drain",
                "{\"lease\":\"" + lease + "\",\"deadlineUsec\":\"" + deadline + "\"}"));
        assertThat(peer.error()).isEqualTo("no error");
      }
      for (String spec :
          List.of("[fe80::1%99999999999]:0W", "[fe80::1%0]:0W", "[fe80::1%nowhere]:0W")) {
        peer.send(BadPeer.call(CONTROL + "Listen", "{\"name\":\"s\",\"spec\":\"" + spec + "\"}"));
        assertThat(peer.error()).isEqualTo(CONTROL + "BindFailed");
      }
      peer.expectWorks();
    }
  }

  @Test
  void aUnixListenerThatIsShutDownAndCannotBeRenewedIsToldAndNothingElseSuffers() throws Exception {
    BrokerProcess broker = siege.start();
    String[] options = {"", ",\"idle\":\"refuse\""};
    for (int i = 0; i < options.length; i++) {
      try (BadPeer operator = BadPeer.connect(broker.socket())) {
        String spec = "unix:@hf-" + broker.pid() + "-" + i;
        operator.send(
            BadPeer.call(
                CONTROL + "Listen",
                "{\"name\":\"u\",\"spec\":\"" + spec + "\"" + options[i] + "}"));
        assertThat(operator.error()).isEqualTo("no error");
        // It has the only socket that may have this name, and keeps it, shut down.
        ProgramProcess killer = siege.script("0", broker, "shut.py", "u");
        Await.until(() -> killer.written(), () -> killer.outLines().contains("stays"));
        for (int j = 0; j < 20; j++) {
          operator.send(
              BadPeer.call(WORKER + "Acquire", "{\"listeners\":[\"u\"],\"hold\":\"connection\"}"));
          assertThat(operator.reply()).isPresent();
          operator.send(BadPeer.call(CONTROL + "List", "{}"));
          assertThat(operator.error()).isEqualTo("no error");
        }
        killer.kill();
        operator.send(BadPeer.call(CONTROL + "Close", "{\"name\":\"u\"}"));
        assertThat(operator.error()).isEqualTo("no error");
      }
    }
  }

  @Test
  void peersWhosePidsItCannotSeeAreToldApart() throws Exception {
    Assumptions.assumeTrue(Checkout.isRoot(), "only root can make a pid namespace just so");
    // The broker is process 1 of a namespace of its own; all its peers are outside, and have pid 0.
    BrokerProcess broker =
        siege.startAlone(
            BrokerProcess.Options.none()
                .under(
                    Checkout.installed("unshare", "util-linux"),
                    "--pid",
                    "--fork",
                    "--kill-child=SIGTERM",
                    "--mount-proc"),
            "allow = [\"uid:65534\", \"uid:65533\"]\n");
    ProgramProcess first = siege.script(NOBODY, broker, "stay.py", ACQUIRE + "\\0");
    ProgramProcess second = siege.script("65533", broker, "stay.py", ACQUIRE + "\\0");
    for (ProgramProcess each : List.of(first, second)) {
      Await.until(() -> each.written(), () -> each.outLines().contains("stays"));
    }
    assertThat(broker.leases()).hasSize(2).allMatch(lease -> lease.integer("pid") == 0);
    String lease =
        dev.holdfast.varlink.Json.parse(second.outLines().get(0))
            .object("parameters")
            .string("lease");
    assertThat(
            siege.run(
                NOBODY,
                broker,
                "calls.py",
                "{\"method\":\""
                    + WORKER
                    + "Release\",\"parameters\":{\"lease\":\""
                    + lease
                    + "\"}}"))
        .allMatch(answer -> answer.contains("NotPermitted"));
    first.kill();
    Await.until(() -> "the end of one lease", () -> broker.leases().size() == 1);
    assertThat(broker.leases().get(0).string("lease")).isEqualTo(lease);
    second.kill();
    Await.until(() -> "the end of the other", () -> broker.leases().isEmpty());
  }
}
