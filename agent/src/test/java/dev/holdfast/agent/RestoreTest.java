package dev.holdfast.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a lease does when its broker dies and another comes. */
@Timeout(30)
class RestoreTest {

  @TempDir Path directory;

  private FakeBroker broker(TestListener web, String lease, String... unknown) throws IOException {
    return new FakeBroker(directory.resolve("s"), Map.of("web", web.fd()), lease, "", unknown);
  }

  private FakeBroker thatBreaksOff(TestListener web, String method) throws IOException {
    return new FakeBroker(directory.resolve("s"), Map.of("web", web.fd()), "l1", method);
  }

  private Lease acquire(FakeBroker broker) throws Exception {
    try (Holdfast holdfast = Holdfast.connect(new UnixAddress.Path(directory.resolve("s")))) {
      Lease lease = holdfast.acquire("web");
      assertThat(broker.calls.take().memberName()).isEqualTo("Acquire");
      return lease;
    }
  }

  private static void expect(FakeBroker broker, String... methods) throws Exception {
    for (String method : methods) {
      assertThat(broker.calls.take().memberName()).isEqualTo(method);
    }
  }

  private static long cookie(OwnedFd fd) throws IOException {
    return Sockets.facts(fd).cookie();
  }

  private static long cookie(Lease lease) throws IOException {
    try (OwnedFd copy = lease.descriptor("web")) {
      return cookie(copy);
    }
  }

  @Test
  void givesItsSocketToTheNextBrokerAndGoesOnBeingDrained() throws Exception {
    CompletableFuture<Drain> drained = new CompletableFuture<>();
    try (TestListener web = TestListener.open(true)) {
      Lease lease;
      try (FakeBroker first = broker(web, "l1")) {
        lease = acquire(first);
        lease.onDrain(drained::complete);
        lease.ready();
        assertThat(first.calls.take().memberName()).isIn("Ready", "Await");
        assertThat(first.calls.take().memberName()).isIn("Ready", "Await");
      }
      try (FakeBroker next = broker(web, "l1");
          lease) {
        Call restore = next.calls.take();
        assertThat(restore.toJson().toString())
            .isEqualTo(
                "{\"method\":\"dev.holdfast.Worker.Restore\",\"parameters\":{\"lease\":\"l1\","
                    + "\"sockets\":[{\"listener\":\"web\",\"endpoint\":\"tcp:127.0.0.1:1\","
                    + "\"kind\":\"stream\",\"fileDescriptorIndex\":0}]}}");
        assertThat(next.cookies.take()).isEqualTo(cookie(web.fd()));
        expect(next, "Ready", "Await");
        next.announce(JsonObject.of("state", "draining"));
        assertThat(drained.get()).isEqualTo(new Drain(null, false));
      }
      assertThat(Sockets.isListening(web.fd())).isTrue();
      assertThat(Sockets.isNonBlocking(web.fd())).isTrue();
    }
  }

  @Test
  void noticesWithoutAConsumerTooAndAwaitsNothingThen() throws Exception {
    try (TestListener web = TestListener.open(true)) {
      Lease lease;
      try (FakeBroker first = broker(web, "l1")) {
        lease = acquire(first);
        assertThat(first.looks.take().memberName()).isEqualTo("Await"); // is watched now
      }
      try (FakeBroker next = broker(web, "l1")) {
        expect(next, "Restore");
        assertThat(next.looks.take().memberName()).isEqualTo("Await");
        assertThat(next.calls).isEmpty();
        lease.release();
        expect(next, "Release");
      }
    }
  }

  @Test
  void tellsThatItIsReadyAtWhateverMomentItIsSaid() throws Exception {
    try (TestListener web = TestListener.open(true)) {
      Lease lease;
      try (FakeBroker first = broker(web, "l1")) {
        lease = acquire(first);
        assertThat(first.looks.take().memberName()).isEqualTo("Await");
      }
      try (FakeBroker next = broker(web, "l1");
          lease) {
        expect(next, "Restore");
        lease.ready(); // the lease is just being given back
        String said = next.calls.take().memberName();
        while (!said.equals("Ready")) {
          assertThat(said).isEqualTo("Restore");
          said = next.calls.take().memberName();
        }
      }
    }
  }

  @Test
  void oneDaemonThreadIsEnoughForAllLeases() throws Exception {
    try (TestListener web = TestListener.open(true);
        FakeBroker broker = broker(web, "l1")) {
      List<Lease> leases = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        leases.add(acquire(broker));
        assertThat(broker.looks.take().memberName()).isEqualTo("Await");
      }
      assertThat(
              Thread.getAllStackTraces().keySet().stream()
                  .filter(thread -> thread.getName().equals("holdfast-lease")))
          .hasSizeBetween(1, 2) // one may just be ending
          .allMatch(Thread::isDaemon);
      leases.forEach(Lease::close);
    }
  }

  @Test
  void triesAgainAfterABrokerThatDiesInTheMiddleOfItsReply() throws Exception {
    try (TestListener web = TestListener.open(true)) {
      Lease lease;
      try (FakeBroker first = broker(web, "l1")) {
        lease = acquire(first);
        lease.onDrain(drain -> {});
        expect(first, "Await");
      }
      try (FakeBroker next = thatBreaksOff(web, "Await")) {
        expect(next, "Restore");
        assertThat(next.cookies.take()).isEqualTo(next.cookies.take());
      }
      try (FakeBroker last = broker(web, "l1");
          lease) {
        expect(last, "Restore", "Await");
      }
    }
  }

  @Test
  void onlyAwaitsWhereTheBrokerHasNoRestore() throws Exception {
    CompletableFuture<Drain> drained = new CompletableFuture<>();
    try (TestListener web = TestListener.open(true)) {
      Lease lease;
      try (FakeBroker first = broker(web, "l1")) {
        lease = acquire(first);
        lease.onDrain(drained::complete);
        expect(first, "Await");
      }
      try (FakeBroker older = broker(web, "l1", "Restore");
          lease) {
        expect(older, "Restore", "Await");
        older.announce(JsonObject.of("state", "draining"));
        assertThat(drained.get().revoked()).isFalse();
      }
    }
  }

  @Test
  void onlyAwaitsWhereTheBrokerDropsWhoSendsItDescriptors() throws Exception {
    try (TestListener web = TestListener.open(true)) {
      Lease lease;
      try (FakeBroker first = broker(web, "l1")) {
        lease = acquire(first);
        lease.onDrain(drain -> {});
        expect(first, "Await");
      }
      try (FakeBroker older = thatBreaksOff(web, "Restore")) {
        expect(older, "Restore", "Await");
        lease.release();
        expect(older, "Release");
      }
    }
  }

  @Test
  void acquiresAnewFromABrokerThatDoesNotKnowTheLeaseAndKeepsTheSameSocket() throws Exception {
    try (TestListener web = TestListener.open(true)) {
      Lease lease;
      try (FakeBroker first = broker(web, "l1")) {
        lease = acquire(first);
        lease.onDrain(drain -> {});
        expect(first, "Await");
      }
      lease.ready();
      try (FakeBroker next = broker(web, "l2");
          lease) {
        expect(next, "Restore");
        assertThat(next.calls.take().parameters().has("replace")).isFalse();
        expect(next, "Ready", "Await");
        assertThat(lease.id()).isEqualTo("l2");
        assertThat(cookie(lease)).isEqualTo(cookie(web.fd()));
      }
    }
  }

  @Test
  void hasTheOtherSocketWhereTheNewBrokerBoundAnother() throws Exception {
    try (TestListener web = TestListener.open(true);
        TestListener other = TestListener.open(true)) {
      Lease lease;
      try (FakeBroker first = broker(web, "l1")) {
        lease = acquire(first);
        lease.onDrain(drain -> {});
        expect(first, "Await");
      }
      try (FakeBroker next = broker(other, "l2");
          lease) {
        expect(next, "Restore", "Acquire", "Await");
        assertThat(cookie(lease)).isEqualTo(cookie(other.fd()));
      }
      assertThat(Sockets.isListening(web.fd())).isTrue();
    }
  }

  @Test
  void tellsTheNextBrokerOfTheReleaseThatTheLastOneDidNotHear() throws Exception {
    try (TestListener web = TestListener.open(true)) {
      Lease lease;
      try (FakeBroker first = broker(web, "l1")) {
        lease = acquire(first);
      }
      lease.release();
      try (FakeBroker next = broker(web, "l1")) {
        assertThat(next.calls.take().memberName()).isIn("Release", "Restore");
      }
    }
  }

  @Test
  void anInheritedLeaseIsNotAcquiredAnew() throws Exception {
    CompletableFuture<Drain> drained = new CompletableFuture<>();
    try (TestListener web = TestListener.open(true)) {
      Lease lease;
      try (FakeBroker first = broker(web, "l1")) {
        int number = web.fd().dup().release();
        Map<String, String> environment =
            Map.of(
                "HOLDFAST_LEASE", "l1",
                "LISTEN_FDS", "1",
                "LISTEN_FDNAMES", "web",
                "HOLDFAST_SOCKET", directory.resolve("s").toString());
        lease = InheritedLease.read(environment, 7, number).orElseThrow();
        lease.onDrain(drained::complete);
        expect(first, "Await");
      }
      try (FakeBroker next = broker(web, "l2")) {
        expect(next, "Restore");
        assertThat(cookie(lease)).isEqualTo(cookie(web.fd()));
        lease.release();
        expect(next, "Release");
        assertThat(drained).isNotDone();
      }
    }
  }

  @Test
  void aLeaseThatFollowsItsConnectionEndsWithItAfterARestoreToo() throws Exception {
    CompletableFuture<Drain> drained = new CompletableFuture<>();
    try (TestListener web = TestListener.open(true)) {
      Holdfast holdfast;
      Lease lease;
      try (FakeBroker first = broker(web, "l1")) {
        holdfast = Holdfast.connect(new UnixAddress.Path(directory.resolve("s")));
        lease = holdfast.acquire(Acquisition.of("web").hold(Hold.CONNECTION));
        lease.onDrain(drained::complete);
        expect(first, "Acquire", "Await");
      }
      try (FakeBroker next = broker(web, "l1");
          lease) {
        expect(next, "Restore", "Await");
        holdfast.close();
        assertThat(drained.get()).isEqualTo(new Drain(null, true));
      }
    }
  }
}
