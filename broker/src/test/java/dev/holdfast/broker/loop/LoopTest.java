package dev.holdfast.broker.loop;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.core.BrokerState;
import dev.holdfast.broker.core.Event;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.Poller;
import dev.holdfast.listener.LeaseId;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LoopTest {

  @Test
  void isNotSettledWhileSomethingWaits() throws Exception {
    try (Poller poller = Poller.open()) {
      Loop loop = new Loop(poller, new BrokerState(0, "x-"), () -> Instant.EPOCH);
      assertThat(loop.isSettled()).isTrue();
      loop.event(new Event.Warned(null, "it"));
      assertThat(loop.isSettled()).isFalse();
      Loop other = new Loop(poller, new BrokerState(0, "x-"), () -> Instant.EPOCH);
      other.post(() -> {});
      assertThat(other.isSettled()).isFalse();
    }
  }

  @Test
  void lendsThePidfdsOfAllLeases() throws Exception {
    List<Event> events = new ArrayList<>();
    LeaseId one = new LeaseId("one");
    LeaseId two = new LeaseId("two");
    try (Poller poller = Poller.open();
        ProcessWatches watches = new ProcessWatches(poller, events::add)) {
      watches.follow(one, Pidfd.open(Limits.processId()));
      watches.follow(two, Pidfd.open(Limits.processId()));

      assertThat(watches.followed()).containsOnlyKeys(one, two);
      assertThat(watches.followed().get(one)).isSameAs(watches.followed().get(two));
      watches.unfollow(one);
      assertThat(watches.followed()).containsOnlyKeys(two);
      assertThat(watches.followed().values()).allMatch(pidfd -> pidfd.fd().isOpen());
    }
    assertThat(events).isEmpty();
  }
}
