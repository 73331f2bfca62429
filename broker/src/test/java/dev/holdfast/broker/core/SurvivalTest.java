package dev.holdfast.broker.core;

import static dev.holdfast.broker.core.Lives.ROOT;
import static dev.holdfast.broker.core.Lives.caller;
import static dev.holdfast.broker.core.Lives.listener;
import static dev.holdfast.broker.core.Lives.name;
import static dev.holdfast.broker.core.Lives.service;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.listener.LeaseId;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** What a broker does with what the one before it knew. */
class SurvivalTest {

  private final Lives lives = new Lives();

  @Test
  void knowsTheSameAgainAndDoesNothingWhenAllIsThere() {
    lives.configure(service(ReadyWhen.NOTIFY, 2, "v1"));
    lives.spawn().forEach(lives::ready);
    lives.pass(Duration.ofSeconds(1));
    lives.acquire(caller(5, 50), Hold.PROCESS, "web");

    lives.die();

    assertThat(lives.state.entries()).isEqualTo(lives.entries);
    assertThat(lives.of(Effect.AdoptWorker.class)).hasSize(2);
    assertThat(lives.of(Effect.FollowAgain.class)).hasSize(1);
    assertThat(lives.of(Effect.Log.class)).isEmpty();
    lives.resume();
    assertThat(lives.of(Effect.ApplySettings.class)).hasSize(1); // the last one may be lost
    assertThat(lives.effects)
        .allMatch(each -> each instanceof Effect.Log || each instanceof Effect.ApplySettings);
    lives.configure(service(ReadyWhen.NOTIFY, 2, "v1"));
    assertThat(lives.of(Effect.Spawn.class)).isEmpty();
    assertThat(lives.of(Effect.Bind.class)).isEmpty();
    assertThat(lives.service().state()).isEqualTo("running");
  }

  @Test
  void sleepsUntilItIsToAct() {
    LeaseId lease = beginDrain();
    lives.die();
    assertThat(lives.state.nextDeadline()).isEmpty();
    lives.now = lives.now.plusSeconds(3_600);
    assertThat(lives.state.expire(lives.now)).isEmpty();
    lives.resume();
    lives.pass(Duration.ZERO);
    assertThat(lives.state.hasLease(lease)).isFalse();
  }

  private LeaseId beginDrain() {
    lives.listen("web", listener("8080"));
    LeaseId lease = lives.acquire(caller(5, 50), Hold.PROCESS, "web");
    lives.apply(new Event.Drain(ROOT, lease, Optional.of(lives.now.plusSeconds(9))));
    return lease;
  }

  @Test
  void tellsOfWhatChangedSinceItWasAskedLast() {
    lives.listen("web", listener("8080"));
    lives.state.takeTouched();
    LeaseId lease = lives.acquire(caller(5, 50), Hold.PROCESS, "web");
    Entry.Key key = new Entry.Key(Entry.Kind.LEASE, lease.value());
    assertThat(lives.state.takeTouched()).containsExactly(key);
    assertThat(lives.state.entry(key)).isPresent();
    lives.apply(new Event.Release(caller(5, 50), lease));
    assertThat(lives.state.takeTouched()).containsExactly(key);
    assertThat(lives.state.entry(key)).isEmpty();
  }

  @Nested
  class Leases {

    @Test
    void endWhenTheirHolderEndedMeanwhile() {
      lives.listen("web", listener("8080", IdlePolicy.REFUSE));
      LeaseId lease = lives.acquire(caller(5, 50), Hold.PROCESS, "web");
      lives.leases.clear();
      lives.die();
      assertThat(lives.state.hasLease(lease)).isTrue();
      lives.resume();
      assertThat(lives.state.hasLease(lease)).isFalse();
      assertThat(lives.of(Effect.Refuse.class)).hasSize(1);
      assertThat(lives.notices(Notice.Kind.LEASE_ENDED).get(0))
          .contains("its holder ended while no broker was there");
    }

    @Test
    void ofConnectionsWaitForThemForAWhile() {
      lives.listen("web", listener("8080"));
      LeaseId lease = lives.acquire(caller(5, 50), Hold.CONNECTION, "web");
      lives.die();
      lives.resume();
      lives.pass(BrokerState.RESTORE_TIME.minusMillis(1));
      assertThat(lives.state.hasLease(lease)).isTrue();
      lives.pass(Duration.ofMillis(1));
      assertThat(lives.state.hasLease(lease)).isFalse();
    }

    @Test
    void ofConnectionsGoOnWithAHandover() {
      lives.listen("web", listener("8080"));
      LeaseId lease = lives.acquire(caller(5, 50), Hold.CONNECTION, "web");
      lives.apply(new Event.Await(caller(6, 50), lease, true));
      lives.handOver();
      lives.resume();
      assertThat(lives.effects).isEmpty();
      assertThat(lives.state.nextDeadline()).isEmpty();
      lives.apply(new Event.Drain(ROOT, lease, Optional.empty()));
      assertThat(lives.answer(6, Answer.State.class).state()).isEqualTo(LeaseState.DRAINING);
      lives.apply(new Event.ConnectionClosed(5));
      assertThat(lives.state.hasLease(lease)).isFalse();
    }

    @Test
    void areAskedToFinishAgainUnlessTheyWere() {
      LeaseId lease = beginDrain();
      lives.die();
      assertThat(lives.of(Effect.FollowAgain.class))
          .containsExactly(new Effect.FollowAgain(lease, true));
      lives.resume();
      assertThat(lives.of(Effect.StopHolder.class))
          .containsExactly(new Effect.StopHolder(lease, 15));
      lives.apply(new Event.Asked(lease));
      lives.die();
      lives.resume();
      assertThat(lives.of(Effect.StopHolder.class)).isEmpty();
    }

    @Test
    void areNotAskedWhenTheyWaitToBeTold() {
      lives.listen("web", listener("8080"));
      LeaseId lease = lives.acquire(caller(5, 50), Hold.PROCESS, "web");
      lives.apply(new Event.Await(caller(5, 50), lease, true));
      lives.apply(new Event.Drain(ROOT, lease, Optional.empty()));
      lives.die();
      lives.resume();
      assertThat(lives.of(Effect.StopHolder.class)).isEmpty();
    }

    private LeaseId awaited() {
      lives.listen("web", listener("8080"));
      LeaseId lease = lives.acquire(caller(5, 50), Hold.PROCESS, "web");
      lives.apply(new Event.Await(caller(5, 50), lease, true));
      lives.die();
      return lease;
    }

    @Test
    void whichWaitedToBeToldAreToldWhenTheyAreBack() {
      LeaseId lease = awaited();
      lives.resume();
      lives.apply(new Event.Drain(ROOT, lease, Optional.empty()));
      assertThat(lives.of(Effect.StopHolder.class)).isEmpty();
      lives.pass(BrokerState.RETURN_TIME.minusMillis(1));
      assertThat(lives.of(Effect.StopHolder.class)).isEmpty();
      lives.apply(new Event.Await(caller(6, 50), lease, true));
      assertThat(lives.answer(6, Answer.State.class).state()).isEqualTo(LeaseState.DRAINING);
      assertThat(lives.state.nextDeadline()).isEmpty();
      lives.die();
      lives.resume();
      assertThat(lives.of(Effect.StopHolder.class)).isEmpty();
    }

    @Test
    void whichWaitedToBeToldAreAskedBySignalWhenTheyStayAway() {
      LeaseId lease = awaited();
      lives.resume();
      lives.apply(new Event.Drain(ROOT, lease, Optional.empty()));
      lives.pass(BrokerState.RETURN_TIME);
      assertThat(lives.of(Effect.StopHolder.class))
          .containsExactly(new Effect.StopHolder(lease, 15));
    }

    @Test
    void whichStayAwayAreAskedInTheHalfOfTheirTime() {
      LeaseId lease = awaited();
      lives.resume();
      lives.apply(new Event.Drain(ROOT, lease, Optional.of(lives.now.plusSeconds(4))));
      lives.die(); // once more: who is back then is told, and who is not is waited for again
      lives.resume();
      assertThat(lives.of(Effect.StopHolder.class)).isEmpty();
      lives.pass(Duration.ofSeconds(2).minusMillis(1));
      assertThat(lives.of(Effect.StopHolder.class)).isEmpty();
      lives.pass(Duration.ofMillis(1));
      assertThat(lives.of(Effect.StopHolder.class)).hasSize(1);
    }

    @Test
    void whichNoLongerWaitAreAskedBySignalAtOnce() {
      LeaseId lease = awaited();
      lives.resume();
      lives.apply(new Event.Await(caller(6, 50), lease, true));
      lives.apply(new Event.ConnectionClosed(6));
      lives.apply(new Event.Drain(ROOT, lease, Optional.empty()));
      assertThat(lives.of(Effect.StopHolder.class)).hasSize(1);
    }

    private Caller ofWorker(long number) {
      return new Caller(100 + number, 50, 0, 0, List.of());
    }

    @Test
    void ofWorkersAreToldWhenTheyAreBackOrAskedBySignal() {
      lives.configure(service(ReadyWhen.NOTIFY, 2, "v1"));
      List<Long> workers = lives.spawn();
      for (long worker : workers) {
        lives.ready(worker);
        lives.apply(new Event.Await(ofWorker(worker), lives.leaseOf(worker), true));
        lives.leases.add(lives.leaseOf(worker));
      }
      lives.die();
      lives.resume();
      for (long worker : workers) {
        lives.apply(new Event.Drain(ROOT, lives.leaseOf(worker), Optional.empty()));
        assertThat(lives.of(Effect.StopWorker.class)).isEmpty();
      }
      lives.apply(new Event.Await(ofWorker(7), lives.leaseOf(workers.get(0)), true));
      lives.die(); // in the middle of it
      lives.resume();
      assertThat(lives.of(Effect.StopWorker.class)).isEmpty();
      lives.pass(BrokerState.RETURN_TIME);
      assertThat(lives.of(Effect.StopWorker.class))
          .containsExactly(new Effect.StopWorker(workers.get(1), 15));
    }

    @Test
    void onAnOldSocketStayThere() {
      lives.configure(service(ReadyWhen.NOTIFY, 0, "v1"));
      LeaseId lease = lives.acquire(caller(5, 50), Hold.PROCESS, "web");
      lives.configure(listener("8081"), service(ReadyWhen.NOTIFY, 0, "v1"));
      assertThat(lives.view("web").leases()).isZero();
      lives.die();
      lives.resume();
      assertThat(lives.state.hasLease(lease)).isTrue();
      assertThat(lives.view("web").leases()).isZero();
    }
  }

  @Nested
  class Sockets {

    private long web;

    private void loseWeb() {
      web = lives.listen("web", listener("8000/8999")).main().id();
      lives.acquire(caller(5, 50), Hold.PROCESS, "web");
      lives.sockets.clear();
      lives.lost.put(web, "pid 50 holds it and may not be asked");
      lives.die();
      lives.resume();
    }

    private void fail(String message) {
      Effect.Bind bind = lives.of(Effect.Bind.class).get(0);
      lives.apply(
          new Event.BindFailed(
              bind.transaction(),
              new Refusal.BindFailed("web", "tcp:[::]:8080", "EADDRINUSE", message)));
    }

    @Test
    void areBoundAnewWhereTheyWere() {
      loseWeb();
      Effect.Bind bind = lives.of(Effect.Bind.class).get(0);
      assertThat(bind.orders().get(0).config().spec().toString()).isEqualTo("8080");
      lives.bind(bind);
      assertThat(lives.notices(Notice.Kind.LISTENER_LOST).get(0))
          .contains("pid 50 holds it and may not be asked; what was queued there is lost");
      assertThat(lives.view("web").state()).isEqualTo("idle");
      assertThat(lives.view("web").config()).isEqualTo(listener("8000/8999"));
    }

    @Test
    void areTriedAgainLaterEachTimeAndNoticedOnce() {
      loseWeb();
      fail("bind: EADDRINUSE");
      assertThat(lives.notices(Notice.Kind.LISTENER_FAILED)).hasSize(1);
      assertThat(lives.view("web").state()).isEqualTo("failed");
      for (long delay : new long[] {250, 500, 1_000, 2_000, 4_000, 5_000, 5_000}) {
        lives.pass(Duration.ofMillis(delay - 1));
        assertThat(lives.of(Effect.Bind.class)).isEmpty();
        lives.pass(Duration.ofMillis(1));
        fail("bind: EADDRINUSE");
        assertThat(lives.notices(Notice.Kind.LISTENER_FAILED)).isEmpty();
      }
      lives.pass(Duration.ofSeconds(5));
      fail("bind: EACCES");
      assertThat(lives.notices(Notice.Kind.LISTENER_FAILED)).hasSize(1);
    }

    @Test
    void areSearchedForAgainByTheNextBroker() {
      loseWeb();
      fail("bind: EADDRINUSE");
      lives.sockets.add(web);
      lives.die();
      lives.resume();
      assertThat(lives.view("web").state()).isEqualTo("listening");
    }

    @Test
    void mayBeClosedAndListenedOnWhileTheyAreLost() {
      loseWeb();
      fail("bind: EADDRINUSE");
      lives.apply(new Event.Listen(ROOT, name("web"), listener("8000/8999")));
      fail("bind: EADDRINUSE");
      lives.listen("web", listener("9000"));
      assertThat(lives.state.nextDeadline()).isEmpty();
      assertThat(lives.view("web").state()).isEqualTo("idle");
      lives.apply(new Event.Close(ROOT, name("web")));
      assertThat(lives.state.listenerCount()).isZero();
    }

    @Test
    void letNobodyElseFail() {
      long other = lives.listen("other", listener("9090")).main().id();
      loseWeb();
      assertThat(lives.of(Effect.Bind.class)).hasSize(2);
      Effect.Bind ofOther = lives.of(Effect.Bind.class).get(0);
      fail("bind: EADDRINUSE"); // of other, which is first by name
      assertThat(ofOther.orders().get(0).name()).isEqualTo(name("other"));
      assertThat(lives.view("other").state()).isEqualTo("failed");
      assertThat(other).isNotEqualTo(web);
    }

    @Test
    void makeServicesWait() {
      lives.configure(service(ReadyWhen.NOTIFY, 1, "v1"));
      lives.spawn().forEach(lives::ready);
      lives.pass(Duration.ofSeconds(1));
      lives.sockets.clear();
      lives.workers.clear();
      lives.die();
      lives.resume();
      Effect.Bind bind = lives.of(Effect.Bind.class).get(0);
      lives.pass(Duration.ofSeconds(1));
      assertThat(lives.of(Effect.Spawn.class)).isEmpty();
      lives.bind(bind);
      assertThat(lives.of(Effect.Spawn.class)).hasSize(1);
    }
  }

  @Nested
  class Workers {

    private List<Long> start(ReadyWhen when, int workers) {
      lives.configure(service(when, workers, "v1"));
      return lives.spawn();
    }

    @Test
    void thatNeverRanAreForgotten() {
      lives.configure(service(ReadyWhen.NOTIFY, 1, "v1"));
      lives.die();
      assertThat(lives.state.leaseCount()).isZero();
      lives.resume();
      assertThat(lives.notices(Notice.Kind.WORKER_FAILED)).isEmpty();
      assertThat(lives.of(Effect.Spawn.class).get(0).order().worker()).isEqualTo(2);
    }

    @Test
    void thatEndedMeanwhileAreReplacedLikeAnyThatFail() {
      long worker = start(ReadyWhen.NOTIFY, 1).get(0);
      lives.ready(worker);
      lives.workers.clear();
      lives.die();
      lives.resume();
      assertThat(lives.notices(Notice.Kind.WORKER_FAILED).get(0)).contains("how is not known");
      lives.pass(Duration.ofMillis(100));
      assertThat(lives.of(Effect.Spawn.class)).hasSize(1);
    }

    @Test
    void whoseStartWasCutOffHaveNotFailed() {
      start(ReadyWhen.NOTIFY, 1);
      lives.workers.clear();
      lives.die();
      lives.resume();
      assertThat(lives.of(Effect.Spawn.class)).hasSize(1);
      assertThat(lives.service().message()).isNull();
    }

    @Test
    void areSeenReadyWhenTheirWordMayHaveBeenLost() {
      long worker = start(ReadyWhen.NOTIFY, 1).get(0);
      LeaseId lease = lives.leaseOf(worker);
      lives.pass(Duration.ofSeconds(59));
      lives.die();
      assertThat(lives.of(Effect.Observe.class)).hasSize(1);
      lives.resume();
      lives.pass(Duration.ofSeconds(59)); // nobody counted
      assertThat(lives.of(Effect.AskOutput.class)).isEmpty();
      lives.apply(new Event.Seen(lease));
      assertThat(lives.service().ready()).isEqualTo(1);
    }

    @Test
    void keepTheirTimeInAHandover() {
      start(ReadyWhen.NOTIFY, 1);
      lives.pass(Duration.ofSeconds(59));
      lives.handOver();
      assertThat(lives.of(Effect.Observe.class)).isEmpty();
      lives.resume();
      lives.pass(Duration.ofSeconds(1));
      assertThat(lives.of(Effect.AskOutput.class)).hasSize(1);
    }

    @Test
    void areAskedToFinishAgainUnlessTheyWere() {
      long worker = start(ReadyWhen.NOTIFY, 1).get(0);
      lives.ready(worker);
      LeaseId lease = lives.leaseOf(worker);
      lives.apply(new Event.Stop(ROOT, "web"));
      lives.die();
      assertThat(lives.of(Effect.AdoptWorker.class).get(0).thaw()).isTrue();
      lives.resume();
      assertThat(lives.of(Effect.StopWorker.class))
          .containsExactly(new Effect.StopWorker(worker, 15));
      lives.apply(new Event.Asked(lease));
      lives.die();
      lives.resume();
      assertThat(lives.of(Effect.StopWorker.class)).isEmpty();
      lives.pass(Lives.STOP_TIMEOUT);
      assertThat(lives.of(Effect.KillWorker.class)).hasSize(1);
    }

    @Test
    void thatReleasedTheirLeaseAreLeftToFinish() {
      long worker = start(ReadyWhen.NOTIFY, 1).get(0);
      LeaseId lease = lives.leaseOf(worker);
      lives.apply(new Event.Release(ROOT, lease));
      lives.die();
      assertThat(lives.of(Effect.AdoptWorker.class)).hasSize(1);
      lives.resume();
      assertThat(lives.of(Effect.StopWorker.class)).isEmpty();
    }

    @Test
    void goOnBeingRolledOut() {
      List<Long> old = start(ReadyWhen.NOTIFY, 2);
      old.forEach(lives::ready);
      lives.pass(Duration.ofSeconds(1));
      lives.apply(new Event.Restart(ROOT, "web", false, Optional.empty()));
      long fresh = lives.spawn().get(0);
      lives.workers.remove(fresh);
      lives.die();
      lives.resume();
      assertThat(lives.notices(Notice.Kind.ROLLOUT_FAILED)).isEmpty();
      assertThat(lives.of(Effect.StopWorker.class)).isEmpty();
      long again = lives.spawn().get(0);
      lives.ready(again);
      lives.pass(Duration.ofSeconds(1));
      assertThat(lives.of(Effect.StopWorker.class)).hasSize(1);
      assertThat(lives.service().state()).isEqualTo("restarting");
    }

    @Test
    void areNeverMadeFewerForTheDead() {
      List<Long> old = start(ReadyWhen.NOTIFY, 2);
      old.forEach(lives::ready);
      lives.pass(Duration.ofSeconds(1));
      lives.apply(new Event.Restart(ROOT, "web", false, Optional.empty()));
      long fresh = lives.spawn().get(0);
      lives.ready(fresh);
      lives.workers.remove(old.get(0));
      lives.die();
      lives.resume();
      lives.pass(Duration.ofMillis(100)); // the new one settles
      assertThat(lives.of(Effect.StopWorker.class)).isEmpty();
      assertThat(lives.service().ready()).isEqualTo(2);
    }
  }

  @Test
  void keepsWhatIsStoredOnlyWhereTheDescriptorIsThere() {
    lives.apply(new Event.Store(ROOT, "kept", "file", 7));
    lives.apply(new Event.Store(ROOT, "gone", "file", 8));
    lives.deposits.add(7L);
    lives.die();
    lives.resume();
    assertThat(lives.state.storedCount()).isEqualTo(1);
    assertThat(lives.notices(Notice.Kind.WARNING).get(0)).contains("stored descriptor is lost");
  }

  @Test
  void answersAfterAHandoverWhoAskedForARestart() {
    lives.configure(service(ReadyWhen.NOTIFY, 1, "v1"));
    lives.spawn().forEach(lives::ready);
    lives.pass(Duration.ofSeconds(1));
    lives.apply(new Event.Restart(caller(9, 0), "web", false, Optional.empty()));
    lives.apply(new Event.Restart(ROOT, "web", false, Optional.empty()));
    long fresh = lives.spawn().get(0);
    lives.handOver();
    lives.resume();
    lives.ready(fresh);
    assertThat(lives.answer(ROOT.connection(), Answer.Progress.class).step())
        .isEqualTo(Answer.Step.READY);
  }
}
