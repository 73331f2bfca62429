package dev.holdfast.broker.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The rules of services, one by one; {@link BrokerSimulationTest} has what holds in any order. */
class ServicesTest {

  private static final Caller ROOT = new Caller(1, 11, 0, 0, List.of());
  private static final Caller OTHER = new Caller(2, 12, 0, 0, List.of());
  private static final Caller WORKER = new Caller(3, 13, 100, 100, List.of());
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(30);
  private static final Duration READY_TIMEOUT = Duration.ofSeconds(60);

  private final BrokerState state = new BrokerState(100, "t-");
  private final List<Effect> performed = new ArrayList<>();
  private final TreeMap<ListenerName, ListenerConfig> listeners = new TreeMap<>();
  private final TreeMap<String, ServiceConfig> services = new TreeMap<>();
  private Instant now = Instant.ofEpochSecond(1_000);
  private List<Effect> effects = List.of();
  private long lastSocket;

  // ---- what the tests say

  /** A service {@code web}; each call changes one thing. */
  private static final class Web {
    private String program = "v1";
    private List<ListenerName> listeners = List.of(name("web"));
    private int workers = 1;
    private ReadyWhen when = ReadyWhen.NOTIFY;
    private Duration settle = Duration.ZERO;
    private int surge = 1;
    private Duration longest = Duration.ofMillis(500);
    private @Nullable Duration watchdog;
    private @Nullable Duration idleStop;

    Web program(String value) {
      program = value;
      return this;
    }

    Web listeners(String... names) {
      listeners = Arrays.stream(names).map(ServicesTest::name).toList();
      return this;
    }

    Web workers(int value) {
      workers = value;
      return this;
    }

    Web ready(ReadyWhen value) {
      when = value;
      return this;
    }

    Web settle(Duration value) {
      settle = value;
      return this;
    }

    Web surge(int value) {
      surge = value;
      return this;
    }

    Web watchdog(Duration value) {
      watchdog = value;
      return this;
    }

    Web idleStop(Duration value) {
      idleStop = value;
      return this;
    }

    ServiceConfig config() {
      return new ServiceConfig(
          Launch.of(List.of(program)),
          listeners,
          workers,
          new ServiceConfig.Readiness(when, READY_TIMEOUT, settle),
          new ServiceConfig.Stopping(15, STOP_TIMEOUT),
          new ServiceConfig.Restarts(surge, Duration.ofMillis(100), longest),
          0,
          watchdog,
          idleStop);
    }
  }

  private static ListenerName name(String name) {
    return ListenerName.parse(name);
  }

  private static ListenerConfig listener(String spec, IdlePolicy idle) {
    try {
      return new ListenerConfig(
          ListenSpec.parse(spec),
          7,
          false,
          idle,
          new Companion.None(),
          List.of(),
          SocketSettings.DEFAULT);
    } catch (InvalidSpecException e) {
      throw new AssertionError(e);
    }
  }

  private void apply(Event event) {
    took(state.apply(event, now));
  }

  private void took(List<Effect> came) {
    effects = came;
    performed.addAll(came);
    state.check();
  }

  /** Lets time pass, and does all that falls due meanwhile. */
  private void pass(Duration time) {
    Instant until = now.plus(time);
    List<Effect> all = new ArrayList<>();
    for (Instant at = next(); !at.isAfter(until); at = next()) {
      now = at.isBefore(now) ? now : at;
      took(state.expire(now));
      all.addAll(effects);
    }
    now = until;
    effects = all;
  }

  private Instant next() {
    return state.nextDeadline().orElse(Instant.MAX);
  }

  private void passUntilNext() {
    pass(Duration.between(now, next()));
  }

  /** Puts listeners and services as they are now into force. */
  private void reload() {
    apply(
        new Event.Configured(
            ROOT.connection(),
            new BrokerConfig(
                List.of(),
                List.of(),
                List.of(),
                BrokerConfig.Limits.DEFAULT,
                listeners,
                services)));
    bindAll();
  }

  private void bindAll() {
    for (Effect.Bind bind : of(Effect.Bind.class)) {
      List<Opened> opened = new ArrayList<>();
      for (BindOrder order : bind.orders()) {
        String endpoint = "tcp:[::]:" + order.config().spec();
        opened.add(
            new Opened(
                order.name(),
                new BoundSocket(++lastSocket, endpoint, SocketKind.STREAM, 1),
                Optional.empty()));
      }
      apply(new Event.Bound(bind.transaction(), opened));
    }
  }

  private void configure(Web web) {
    services.put("web", web.config());
    listeners.putIfAbsent(name("web"), listener("8080", IdlePolicy.QUEUE));
    reload();
  }

  /** Configures it, and lets all its workers be ready. */
  private List<WorkerOrder> serve(Web web) {
    configure(web);
    List<WorkerOrder> orders = orders();
    orders.forEach(this::spawn);
    orders.forEach(this::sayReady);
    return orders;
  }

  private List<WorkerOrder> orders() {
    return of(Effect.Spawn.class).stream().map(Effect.Spawn::order).toList();
  }

  private WorkerOrder order() {
    assertThat(orders()).hasSize(1);
    return orders().get(0);
  }

  private static int pid(WorkerOrder order) {
    return 1000 + (int) order.worker();
  }

  private void spawn(WorkerOrder order) {
    apply(new Event.Spawned(order.worker(), pid(order)));
  }

  private void say(WorkerOrder order, boolean ready, boolean stopping) {
    apply(
        new Event.Notified(
            order.lease(), new Notification(ready, stopping, false, false, null, null)));
  }

  private void sayReady(WorkerOrder order) {
    say(order, true, false);
  }

  private void sayAlive(WorkerOrder order) {
    apply(
        new Event.Notified(order.lease(), new Notification(false, false, true, false, null, null)));
  }

  private void sayFailing(WorkerOrder order) {
    apply(
        new Event.Notified(order.lease(), new Notification(false, false, false, true, null, null)));
  }

  private void askForMore(WorkerOrder order, Duration more) {
    apply(
        new Event.Notified(
            order.lease(), new Notification(false, false, false, false, null, more)));
  }

  private void exit(WorkerOrder order, int code) {
    apply(new Event.Exited(order.worker(), new WorkerExit(code, 0, "no such table")));
  }

  private void restart(boolean allAtOnce) {
    apply(new Event.Restart(ROOT, "web", allAtOnce, Optional.empty()));
  }

  /** Restarts, and has the new worker spawned. */
  private WorkerOrder restartOne() {
    restart(false);
    WorkerOrder fresh = order();
    spawn(fresh);
    return fresh;
  }

  private <T extends Effect> List<T> of(Class<T> kind) {
    return effects.stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  private List<Long> stopped() {
    return of(Effect.StopWorker.class).stream().map(Effect.StopWorker::worker).toList();
  }

  private List<Long> killed() {
    return of(Effect.KillWorker.class).stream().map(Effect.KillWorker::worker).toList();
  }

  private List<Answer> answers(Caller caller) {
    return performed.stream()
        .filter(Effect.Reply.class::isInstance)
        .map(Effect.Reply.class::cast)
        .filter(reply -> reply.connection() == caller.connection())
        .map(Effect.Reply::answer)
        .toList();
  }

  private Answer lastAnswer(Caller caller) {
    List<Answer> answers = answers(caller);
    return answers.get(answers.size() - 1);
  }

  private Refusal refusal(Caller caller) {
    return ((Answer.Refused) lastAnswer(caller)).refusal();
  }

  private String whyRestartFailed() {
    return ((Refusal.RestartFailed) refusal(ROOT)).reason();
  }

  private List<Answer.Step> steps(Caller caller) {
    return answers(caller).stream()
        .filter(Answer.Progress.class::isInstance)
        .map(each -> ((Answer.Progress) each).step())
        .toList();
  }

  private Answer.Listing listing() {
    Effect.Reply reply = (Effect.Reply) state.apply(new Event.ListAll(OTHER), now).get(0);
    return (Answer.Listing) reply.answer();
  }

  private Answer.ServiceView view() {
    return listing().services().get(0);
  }

  private WorkerState stateOf(WorkerOrder order) {
    return view().processes().stream()
        .filter(each -> each.worker() == order.worker())
        .map(Answer.WorkerView::state)
        .findFirst()
        .orElseThrow();
  }

  private boolean hasLease(WorkerOrder order) {
    return state.hasLease(order.lease());
  }

  private List<String> programs(List<WorkerOrder> orders) {
    return orders.stream().map(each -> each.launch().command().get(0)).toList();
  }

  private void await(WorkerOrder order, Caller caller) {
    apply(new Event.Await(caller, order.lease(), true));
  }

  private void demand() {
    apply(new Event.ConnectionCame(lastSocket));
  }

  private WorkerOrder serveOnDemand(Web web) {
    listeners.put(name("web"), listener("8080", IdlePolicy.SPAWN));
    configure(web);
    demand();
    WorkerOrder order = order();
    spawn(order);
    sayReady(order);
    return order;
  }

  private List<Boolean> awaited() {
    return of(Effect.AwaitConnection.class).stream().map(Effect.AwaitConnection::on).toList();
  }

  // ---- the start of a worker

  @Nested
  class Starting {

    @Test
    void asManyWorkersStartAsAreConfiguredEachWithALease() {
      configure(new Web().workers(3));
      assertThat(orders()).hasSize(3);
      assertThat(orders().stream().map(WorkerOrder::lease).distinct()).hasSize(3);
      assertThat(orders()).allMatch(each -> hasLease(each));
      assertThat(view().state()).isEqualTo("starting");
    }

    @Test
    void aWorkerIsReadyWhenItSaysSo() {
      WorkerOrder worker = serve(new Web()).get(0);
      assertThat(stateOf(worker)).isEqualTo(WorkerState.READY);
      assertThat(view().state()).isEqualTo("running");
    }

    @Test
    void aWorkerIsReadyWhenItIsSeenWaitingOnItsListener() {
      configure(new Web().ready(ReadyWhen.ACCEPTING));
      WorkerOrder worker = order();
      spawn(worker);
      assertThat(effects)
          .contains(new Effect.Observe(worker.lease(), pid(worker), List.of(lastSocket)));
      apply(new Event.Seen(worker.lease()));
      assertThat(stateOf(worker)).isEqualTo(WorkerState.READY);
    }

    @Test
    void aWorkerNeedNotSayAnythingWhereItsStartIsEnough() {
      configure(new Web().ready(ReadyWhen.EXEC));
      WorkerOrder worker = order();
      spawn(worker);
      assertThat(stateOf(worker)).isEqualTo(WorkerState.READY);
    }

    @Test
    void whoWentIntoTheBackgroundIsLookedAtThere() {
      configure(new Web().ready(ReadyWhen.ACCEPTING));
      WorkerOrder worker = order();
      spawn(worker);
      apply(new Event.MainProcess(worker.worker(), 77));
      assertThat(effects).contains(new Effect.Observe(worker.lease(), 77, List.of(lastSocket)));
      assertThat(view().processes().get(0).pid()).isEqualTo(77);
      assertThat(listing().leases().get(0).pid()).isEqualTo(77);
    }

    @Test
    void aReadyWorkerIsNotLookedAtAgainWhenItGoesIntoTheBackground() {
      configure(new Web().ready(ReadyWhen.ACCEPTING));
      WorkerOrder worker = order();
      spawn(worker);
      sayReady(worker);
      apply(new Event.MainProcess(worker.worker(), 77));
      assertThat(of(Effect.Observe.class)).isEmpty();
    }

    @Test
    void whoIsNotReadyInTimeIsStoppedAndTriedAgain() {
      configure(new Web());
      WorkerOrder worker = order();
      spawn(worker);
      pass(READY_TIMEOUT);
      assertThat(effects).contains(new Effect.AskOutput(worker.worker()));
      apply(new Event.LastOutput(worker.worker(), "connecting to db…"));
      assertThat(stopped()).containsExactly(worker.worker());
      assertThat(view().state()).isEqualTo("failing");
      assertThat(view().message())
          .contains("60000 ms", "READY=1", "its last output:\nconnecting to db…");
      pass(Duration.ofMillis(100));
      assertThat(orders()).hasSize(1);
    }

    @Test
    void whoIsReadyAMomentTooLateMayStay() {
      configure(new Web());
      WorkerOrder worker = order();
      spawn(worker);
      pass(READY_TIMEOUT);
      sayReady(worker);
      apply(new Event.LastOutput(worker.worker(), ""));
      assertThat(stateOf(worker)).isEqualTo(WorkerState.READY);
      assertThat(view().state()).isEqualTo("running");
    }

    @Test
    void aWorkerMayAskForMoreTimeUntilItIsReady() {
      configure(new Web());
      WorkerOrder worker = order();
      spawn(worker);
      askForMore(worker, READY_TIMEOUT.plusSeconds(5));
      pass(READY_TIMEOUT);
      assertThat(of(Effect.AskOutput.class)).isEmpty();
      pass(Duration.ofSeconds(5));
      assertThat(of(Effect.AskOutput.class)).hasSize(1);
    }

    @Test
    void nobodyGetsLessTimeByAskingForMore() {
      configure(new Web());
      WorkerOrder worker = order();
      spawn(worker);
      askForMore(worker, Duration.ofSeconds(1));
      pass(READY_TIMEOUT.minusMillis(1));
      assertThat(of(Effect.AskOutput.class)).isEmpty();
    }

    @Test
    void aSocketOfAListenerThatWentMeanwhileIsNotLookedAt() {
      listeners.put(name("also"), listener("8081", IdlePolicy.QUEUE));
      configure(new Web().ready(ReadyWhen.ACCEPTING).listeners("web", "also"));
      WorkerOrder worker = order();
      listeners.put(name("also"), listener("8082", IdlePolicy.QUEUE));
      reload();
      apply(new Event.Close(ROOT, name("also")));
      spawn(worker);
      assertThat(of(Effect.Observe.class)).allMatch(each -> each.sockets().equals(List.of(2L)));
    }
  }

  // ---- failures

  @Nested
  class Failing {

    private void failUntilNextStart(Duration delay) {
      WorkerOrder worker = order();
      spawn(worker);
      exit(worker, 1);
      assertThat(orders()).isEmpty();
      assertThat(view().nextStart()).contains(now.plus(delay));
      pass(delay.minusMillis(1));
      assertThat(orders()).isEmpty();
      pass(Duration.ofMillis(1));
      assertThat(orders()).hasSize(1);
    }

    @Test
    void eachFailureInARowDoublesTheDelayUpToTheLongest() {
      configure(new Web());
      for (int delay : new int[] {100, 200, 400, 500, 500}) {
        failUntilNextStart(Duration.ofMillis(delay));
      }
    }

    @Test
    void whoServedForLongHasNotFailedInARow() {
      configure(new Web());
      failUntilNextStart(Duration.ofMillis(100));
      failUntilNextStart(Duration.ofMillis(200));
      WorkerOrder worker = order();
      spawn(worker);
      sayReady(worker);
      pass(Duration.ofMillis(500));
      exit(worker, 1);
      assertThat(view().nextStart()).contains(now.plusMillis(100));
    }

    @Test
    void aProcessThatCannotBeMadeIsAFailure() {
      configure(new Web());
      apply(new Event.SpawnFailed(order().worker(), "fork: EAGAIN"));
      assertThat(view().state()).isEqualTo("failing");
      assertThat(view().message()).isEqualTo("fork: EAGAIN");
      assertThat(listing().leases()).isEmpty();
    }

    @Test
    void theListenerOfAFailingServiceMayComeLater() {
      configure(new Web());
      WorkerOrder worker = order();
      spawn(worker);
      sayReady(worker);
      apply(new Event.Close(ROOT, name("web")));
      assertThat(hasLease(worker)).isFalse();
      assertThat(view().state()).isEqualTo("failing");
      exit(worker, 0);
      pass(Duration.ofMillis(100));
      assertThat(view().message()).contains("no listener is named web");
      apply(new Event.Listen(ROOT, name("web"), listener("8080", IdlePolicy.QUEUE)));
      bindAll();
      passUntilNext();
      assertThat(orders()).hasSize(1);
    }

    @Test
    void whoSaysStoppingByItselfIsReplacedAfterADelayUnlessItServedForLong() {
      configure(new Web());
      WorkerOrder worker = order();
      spawn(worker);
      say(worker, false, true);
      assertThat(orders()).isEmpty();
      assertThat(view().nextStart()).contains(now.plusMillis(100));
      pass(Duration.ofMillis(100));
      WorkerOrder next = order();
      spawn(next);
      say(next, false, true);
      assertThat(view().nextStart()).contains(now.plusMillis(200));
    }

    @Test
    void whoServedForLongIsReplacedAtOnceWhenItSaysStopping() {
      WorkerOrder worker = serve(new Web()).get(0);
      pass(Duration.ofSeconds(1));
      say(worker, false, true);
      assertThat(orders()).hasSize(1);
      assertThat(stopped()).isEmpty();
      assertThat(stateOf(worker)).isEqualTo(WorkerState.STOPPING);
    }

    @Test
    void whoReleasesItsLeaseAtOnceIsReplacedAfterADelay() {
      WorkerOrder worker = serve(new Web()).get(0);
      apply(new Event.Release(WORKER, worker.lease()));
      assertThat(orders()).isEmpty();
      assertThat(view().nextStart()).contains(now.plusMillis(100));
    }

    @Test
    void whoReleasesItsLeaseIsReplacedAndGetsNoSignal() {
      WorkerOrder worker = serve(new Web()).get(0);
      pass(Duration.ofSeconds(1));
      apply(new Event.Release(WORKER, worker.lease()));
      assertThat(orders()).hasSize(1);
      assertThat(stopped()).isEmpty();
      pass(STOP_TIMEOUT);
      assertThat(killed()).containsExactly(worker.worker());
    }

    @Test
    void whoSaysStoppingAndStaysIsKilled() {
      WorkerOrder worker = serve(new Web()).get(0);
      say(worker, false, true);
      pass(STOP_TIMEOUT);
      assertThat(killed()).containsExactly(worker.worker());
    }

    @Test
    void aWorkerWhoseSocketIsDeadGetsASignalAndAnotherComes() {
      WorkerOrder worker = serve(new Web()).get(0);
      pass(Duration.ofSeconds(1));
      apply(new Event.Healed(lastSocket, true));
      assertThat(stopped()).containsExactly(worker.worker());
      assertThat(orders()).hasSize(1);
    }
  }

  // ---- rollouts

  @Nested
  class Restarting {

    @Test
    void anOldWorkerIsStoppedOnlyWhenANewOneIsReady() {
      WorkerOrder old = serve(new Web()).get(0);
      WorkerOrder fresh = restartOne();
      assertThat(stopped()).isEmpty();
      sayReady(fresh);
      assertThat(stopped()).containsExactly(old.worker());
      assertThat(steps(ROOT)).doesNotContain(Answer.Step.DONE);
      exit(old, 0);
      assertThat(steps(ROOT))
          .containsExactly(
              Answer.Step.BEGUN,
              Answer.Step.STARTED,
              Answer.Step.READY,
              Answer.Step.DRAINING,
              Answer.Step.GONE,
              Answer.Step.DONE);
      assertThat(view().state()).isEqualTo("running");
      assertThat(view().generation()).isEqualTo(2);
    }

    @Test
    void aNewWorkerHasToStayForAWhileFirst() {
      WorkerOrder old = serve(new Web().settle(Duration.ofMillis(100))).get(0);
      pass(Duration.ofSeconds(1));
      WorkerOrder fresh = restartOne();
      sayReady(fresh);
      pass(Duration.ofMillis(99));
      assertThat(stopped()).isEmpty();
      pass(Duration.ofMillis(1));
      assertThat(stopped()).containsExactly(old.worker());
    }

    @Test
    void workersAreReplacedOneByOne() {
      List<WorkerOrder> old = serve(new Web().workers(2));
      WorkerOrder first = restartOne();
      sayReady(first);
      assertThat(stopped()).containsExactly(old.get(0).worker());
      assertThat(orders()).isEmpty();
      exit(old.get(0), 0);
      WorkerOrder second = order();
      spawn(second);
      sayReady(second);
      assertThat(stopped()).containsExactly(old.get(1).worker());
      exit(old.get(1), 0);
      assertThat(steps(ROOT)).endsWith(Answer.Step.DONE);
    }

    @Test
    void asManyMoreStartAtOnceAsTheSurgeAllows() {
      serve(new Web().workers(3).surge(2));
      restart(false);
      assertThat(orders()).hasSize(2);
    }

    @Test
    void allAtOnceStopsTheOldOnesWhenAllNewOnesAreReady() {
      List<WorkerOrder> old = serve(new Web().workers(2));
      restart(true);
      List<WorkerOrder> fresh = orders();
      assertThat(fresh).hasSize(2);
      fresh.forEach(ServicesTest.this::spawn);
      sayReady(fresh.get(0));
      assertThat(stopped()).isEmpty();
      sayReady(fresh.get(1));
      assertThat(stopped())
          .containsExactlyElementsOf(old.stream().map(WorkerOrder::worker).toList());
    }

    @Test
    void aNewWorkerThatExitsLeavesTheOldOneServingAndItsOutputIsTold() {
      WorkerOrder old = serve(new Web()).get(0);
      WorkerOrder fresh = restartOne();
      exit(fresh, 3);
      assertThat(stopped()).isEmpty();
      assertThat(orders()).isEmpty();
      assertThat(stateOf(old)).isEqualTo(WorkerState.READY);
      assertThat(view().state()).isEqualTo("running");
      assertThat(whyRestartFailed())
          .contains("exited with 3 before it was ready", "its last output:\nno such table");
      assertThat(view().message()).contains("no such table");
    }

    @Test
    void aNewWorkerThatIsNotReadyInTimeLeavesTheOldOneServing() {
      WorkerOrder old = serve(new Web()).get(0);
      apply(new Event.Restart(ROOT, "web", false, Optional.of(Duration.ofSeconds(2))));
      WorkerOrder fresh = order();
      spawn(fresh);
      pass(Duration.ofSeconds(2));
      apply(new Event.LastOutput(fresh.worker(), "waiting for db"));
      assertThat(stopped()).containsExactly(fresh.worker());
      assertThat(whyRestartFailed())
          .contains("not ready 2000 ms after its start", "waiting for db");
      exit(fresh, 0);
      assertThat(orders()).isEmpty();
      assertThat(stateOf(old)).isEqualTo(WorkerState.READY);
    }

    @Test
    void aNewWorkerThatExitsBeforeItHasSettledLeavesTheOldOneServing() {
      WorkerOrder old = serve(new Web().settle(Duration.ofMillis(100))).get(0);
      pass(Duration.ofMillis(100));
      WorkerOrder fresh = restartOne();
      sayReady(fresh);
      exit(fresh, 1);
      assertThat(stateOf(old)).isEqualTo(WorkerState.READY);
      assertThat(whyRestartFailed()).contains("exited with 1");
    }

    @Test
    void aNewWorkerThatSaysStoppingByItselfEndsTheRestart() {
      WorkerOrder old = serve(new Web()).get(0);
      WorkerOrder fresh = restartOne();
      say(fresh, false, true);
      assertThat(orders()).isEmpty();
      assertThat(stateOf(old)).isEqualTo(WorkerState.READY);
      assertThat(whyRestartFailed()).contains("STOPPING=1");
    }

    @Test
    void anOldWorkerThatExitsMeanwhileIsReplacedByANewOne() {
      List<WorkerOrder> old = serve(new Web().workers(2));
      WorkerOrder first = restartOne();
      exit(old.get(0), 1);
      WorkerOrder second = order();
      assertThat(steps(ROOT)).doesNotContain(Answer.Step.DONE);
      spawn(second);
      sayReady(first);
      assertThat(stopped()).isEmpty();
      sayReady(second);
      assertThat(stopped()).containsExactly(old.get(1).worker());
    }

    @Test
    void whenOldAndNewExitTheNewVersionOfAReloadIsTriedAgainLater() {
      serve(new Web());
      WorkerOrder old = orders().isEmpty() ? firstOrder() : order();
      configure(new Web().program("v2"));
      WorkerOrder fresh = order();
      spawn(fresh);
      exit(old, 1);
      assertThat(orders()).isEmpty();
      exit(fresh, 1);
      assertThat(orders()).isEmpty();
      passUntilNext();
      assertThat(programs(orders())).containsExactly("v2");
    }

    private WorkerOrder firstOrder() {
      return performed.stream()
          .filter(Effect.Spawn.class::isInstance)
          .map(each -> ((Effect.Spawn) each).order())
          .findFirst()
          .orElseThrow();
    }

    @Test
    void anOldWorkerThatHangsIsKilledAtItsDeadlineAndThenTheNextIsReplaced() {
      List<WorkerOrder> old = serve(new Web().workers(2));
      WorkerOrder first = restartOne();
      sayReady(first);
      pass(STOP_TIMEOUT.minusMillis(1));
      assertThat(killed()).isEmpty();
      pass(Duration.ofMillis(1));
      assertThat(killed()).containsExactly(old.get(0).worker());
      assertThat(orders()).isEmpty();
      apply(new Event.Exited(old.get(0).worker(), new WorkerExit(0, 9, "")));
      assertThat(orders()).hasSize(1);
      assertThat(steps(ROOT)).contains(Answer.Step.KILLED);
    }

    @Test
    void nobodyWaitsForAWorkerThatDoesNotDieOfSigkill() {
      serve(new Web());
      WorkerOrder fresh = restartOne();
      sayReady(fresh);
      pass(STOP_TIMEOUT.plus(Services.UNKILLABLE));
      assertThat(steps(ROOT)).endsWith(Answer.Step.DONE);
      assertThat(view().processes()).hasSize(2);
    }

    @Test
    void aDyingWorkerMayAskForMoreTime() {
      WorkerOrder old = serve(new Web()).get(0);
      sayReady(restartOne());
      askForMore(old, STOP_TIMEOUT.plusSeconds(5));
      pass(STOP_TIMEOUT);
      assertThat(killed()).isEmpty();
      pass(Duration.ofSeconds(5));
      assertThat(killed()).containsExactly(old.worker());
    }

    @Test
    void aSecondRestartIsRefusedWhileOneIsUnderWay() {
      serve(new Web());
      restartOne();
      apply(new Event.Restart(OTHER, "web", false, Optional.empty()));
      assertThat(refusal(OTHER)).isEqualTo(new Refusal.ServiceBusy("web", "restart"));
      apply(new Event.Scale(OTHER, "web", 3));
      assertThat(refusal(OTHER)).isEqualTo(new Refusal.ServiceBusy("web", "restart"));
    }

    @Test
    void aRestartGoesOnWhenWhoAskedIsGone() {
      WorkerOrder old = serve(new Web()).get(0);
      WorkerOrder fresh = restartOne();
      apply(new Event.ConnectionClosed(ROOT.connection()));
      int before = answers(ROOT).size();
      sayReady(fresh);
      exit(old, 0);
      assertThat(answers(ROOT)).hasSize(before);
      assertThat(view().generation()).isEqualTo(2);
    }

    @Test
    void aWorkerThatAwaitsItsDrainGetsTheEventInsteadOfASignal() {
      WorkerOrder old = serve(new Web()).get(0);
      await(old, WORKER);
      sayReady(restartOne());
      assertThat(stopped()).isEmpty();
      assertThat(lastAnswer(WORKER))
          .isEqualTo(
              new Answer.State(LeaseState.DRAINING, Optional.of(now.plus(STOP_TIMEOUT)), false));
      pass(STOP_TIMEOUT);
      assertThat(killed()).containsExactly(old.worker());
    }

    @Test
    void whoHasNoProcessYetIsStoppedWhenItHasOne() {
      WorkerOrder old = serve(new Web()).get(0);
      restart(false);
      WorkerOrder fresh = order();
      apply(new Event.Stop(OTHER, "web"));
      assertThat(stopped()).containsExactly(old.worker());
      spawn(fresh);
      assertThat(stopped()).containsExactly(fresh.worker());
    }

    @Test
    void whoHasNoProcessYetIsKilledWhenItHasOneThatIsTooLate() {
      configure(new Web());
      WorkerOrder worker = order();
      apply(new Event.Stop(OTHER, "web"));
      pass(STOP_TIMEOUT);
      assertThat(killed()).isEmpty();
      spawn(worker);
      assertThat(killed()).containsExactly(worker.worker());
    }

    @Test
    void whenTheNumberIsLoweredTheNewOnesThatServeStay() {
      List<WorkerOrder> old = serve(new Web().workers(2).surge(2));
      restart(false);
      List<WorkerOrder> fresh = orders();
      fresh.forEach(ServicesTest.this::spawn);
      sayReady(fresh.get(1));
      configure(new Web().workers(1).surge(2));
      assertThat(stateOf(fresh.get(1))).isEqualTo(WorkerState.READY);
      assertThat(stateOf(fresh.get(0))).isEqualTo(WorkerState.STOPPING);
      assertThat(old).allMatch(each -> stateOf(each) == WorkerState.STOPPING);
    }

    @Test
    void theNumberMayBeLoweredWhileAllAreReplacedAtOnce() {
      serve(new Web().workers(4));
      restart(true);
      configure(new Web().workers(1));
      assertThat(view().workers()).isEqualTo(1);
    }
  }

  // ---- what operators say

  @Nested
  class Operating {

    @Test
    void aServiceThatIsNotThereIsRefused() {
      apply(new Event.Restart(ROOT, "web", false, Optional.empty()));
      assertThat(refusal(ROOT)).isEqualTo(new Refusal.NoSuchService("web"));
    }

    @Test
    void whoMayNotControlMayNotOperate() {
      serve(new Web());
      Caller alice = new Caller(9, 19, 1000, 1000, List.of());
      apply(new Event.Stop(alice, "web"));
      assertThat(refusal(alice)).isEqualTo(new Refusal.NotPermitted("web", "stop"));
    }

    @Test
    void stopEndsARestartAndTellsItsAsker() {
      WorkerOrder old = serve(new Web()).get(0);
      WorkerOrder fresh = restartOne();
      apply(new Event.Stop(OTHER, "web"));
      assertThat(whyRestartFailed()).isEqualTo("stopped by an operator");
      assertThat(stopped()).containsExactly(old.worker(), fresh.worker());
      exit(old, 0);
      assertThat(steps(OTHER)).doesNotContain(Answer.Step.DONE);
      exit(fresh, 0);
      assertThat(steps(OTHER)).endsWith(Answer.Step.DONE);
      assertThat(view().state()).isEqualTo("stopped");
    }

    @Test
    void aStoppedServiceIsNotRestartedAndStartsAgain() {
      WorkerOrder worker = serve(new Web()).get(0);
      apply(new Event.Stop(ROOT, "web"));
      exit(worker, 0);
      restart(false);
      assertThat(refusal(ROOT)).isEqualTo(new Refusal.ServiceStopped("web"));
      apply(new Event.Start(ROOT, "web"));
      WorkerOrder next = order();
      spawn(next);
      sayReady(next);
      assertThat(steps(ROOT)).endsWith(Answer.Step.DONE);
    }

    @Test
    void scaleStartsMoreAndStopsTheNewestFirst() {
      WorkerOrder first = serve(new Web()).get(0);
      apply(new Event.Scale(ROOT, "web", 2));
      WorkerOrder second = order();
      spawn(second);
      sayReady(second);
      assertThat(steps(ROOT)).endsWith(Answer.Step.DONE);
      apply(new Event.Scale(ROOT, "web", 1));
      assertThat(stopped()).containsExactly(second.worker());
      assertThat(stateOf(first)).isEqualTo(WorkerState.READY);
    }

    @Test
    void scalingDownKeepsThoseThatLive() {
      List<WorkerOrder> workers = serve(new Web().workers(2));
      sayFailing(workers.get(0));
      apply(new Event.Scale(ROOT, "web", 1));
      assertThat(stateOf(workers.get(1))).isEqualTo(WorkerState.READY);
      apply(new Event.Exited(workers.get(0).worker(), new WorkerExit(0, 9, "")));
      assertThat(orders()).isEmpty();
    }

    @Test
    void whoAskedForMoreIsToldWhenAWorkerFails() {
      serve(new Web());
      apply(new Event.Scale(ROOT, "web", 2));
      apply(new Event.SpawnFailed(order().worker(), "fork: EAGAIN"));
      assertThat(whyRestartFailed()).contains("fork: EAGAIN", "tried again");
    }

    @Test
    void aDrainedWorkerIsStoppedByThatMomentAndAnotherTakesItsPlace() {
      WorkerOrder worker = serve(new Web()).get(0);
      await(worker, WORKER);
      Instant end = now.plusSeconds(3);
      apply(new Event.Drain(ROOT, worker.lease(), Optional.of(end)));
      assertThat(lastAnswer(WORKER))
          .isEqualTo(new Answer.State(LeaseState.DRAINING, Optional.of(end), false));
      assertThat(orders()).hasSize(1);
      pass(Duration.ofSeconds(3));
      assertThat(killed()).containsExactly(worker.worker());
    }

    @Test
    void whoDrainsIsToldOfAnotherDeadline() {
      WorkerOrder worker = serve(new Web()).get(0);
      await(worker, WORKER);
      apply(new Event.Drain(ROOT, worker.lease(), Optional.empty()));
      Instant end = now.plusSeconds(90);
      apply(new Event.Drain(ROOT, worker.lease(), Optional.of(end)));
      assertThat(lastAnswer(WORKER))
          .isEqualTo(new Answer.State(LeaseState.DRAINING, Optional.of(end), false));
    }

    @Test
    void replaceIsRefusedForWorkersOfTheBroker() {
      serve(new Web());
      apply(new Event.Acquire(ROOT, List.of(name("web")), Hold.PROCESS, "web", true));
      assertThat(refusal(ROOT)).isEqualTo(new Refusal.ServiceSupervised("web"));
    }

    @Test
    void olderLeasesGetTheirStopSignalWhenTheyAreReplaced() {
      listeners.put(name("web"), listener("8080", IdlePolicy.QUEUE));
      reload();
      apply(new Event.Acquire(OTHER, List.of(name("web")), Hold.PROCESS, "shop", false, true, 12));
      LeaseId old = ((Answer.Granted) lastAnswer(OTHER)).lease();
      apply(new Event.Acquire(ROOT, List.of(name("web")), Hold.PROCESS, "shop", true));
      LeaseId fresh = ((Answer.Granted) lastAnswer(ROOT)).lease();
      assertThat(of(Effect.StopHolder.class)).isEmpty();
      apply(new Event.Ready(ROOT, fresh));
      assertThat(of(Effect.StopHolder.class)).containsExactly(new Effect.StopHolder(old, 12));
    }

    @Test
    void whatALeaseSaysOfItsEndDoesNotTakeItsDeadlineAway() {
      listeners.put(name("web"), listener("8080", IdlePolicy.QUEUE));
      reload();
      apply(new Event.Acquire(OTHER, List.of(name("web")), Hold.PROCESS, null, false, true, 15));
      LeaseId lease = ((Answer.Granted) lastAnswer(OTHER)).lease();
      apply(new Event.Await(OTHER, lease, true));
      Instant end = now.plusSeconds(3);
      apply(new Event.Drain(ROOT, lease, Optional.of(end)));
      apply(new Event.Notified(lease, new Notification(false, true, false, false, null, null)));
      assertThat(lastAnswer(OTHER))
          .isEqualTo(new Answer.State(LeaseState.DRAINING, Optional.of(end), false));
    }
  }

  // ---- on demand

  @Nested
  class OnDemand {

    @Test
    void theFirstConnectionStartsTheWorkers() {
      listeners.put(name("web"), listener("8080", IdlePolicy.SPAWN));
      configure(new Web().workers(2));
      assertThat(orders()).isEmpty();
      assertThat(view().state()).isEqualTo("idle");
      assertThat(performed).contains(new Effect.AwaitConnection(lastSocket, true));
      demand();
      assertThat(orders()).hasSize(2);
      demand();
      assertThat(orders()).isEmpty();
    }

    @Test
    void workersAreStoppedWhenNobodyIsConnectedForAWhile() {
      WorkerOrder worker = serveOnDemand(new Web().idleStop(Duration.ofSeconds(5)));
      pass(Duration.ofSeconds(5));
      assertThat(of(Effect.CountOpen.class))
          .containsExactly(
              new Effect.CountOpen("web", List.of(worker.worker()), List.of(lastSocket)));
      apply(new Event.OpenCounted("web", 0));
      assertThat(stopped()).containsExactly(worker.worker());
      assertThat(effects).contains(new Effect.AwaitConnection(lastSocket, true));
      assertThat(view().state()).isEqualTo("stopping");
      demand();
      assertThat(orders()).hasSize(1);
    }

    @Test
    void workersStayWhileAConnectionIsOpenOrCame() {
      serveOnDemand(new Web().idleStop(Duration.ofSeconds(5)));
      pass(Duration.ofSeconds(5));
      apply(new Event.OpenCounted("web", 1));
      assertThat(stopped()).isEmpty();
      pass(Duration.ofSeconds(4));
      demand();
      pass(Duration.ofSeconds(4));
      assertThat(of(Effect.CountOpen.class)).isEmpty();
      pass(Duration.ofSeconds(1));
      assertThat(of(Effect.CountOpen.class)).hasSize(1);
    }

    @Test
    void aConnectionThatCameWhileTheServiceWasStoppedIsNotForgotten() {
      listeners.put(name("web"), listener("8080", IdlePolicy.SPAWN));
      configure(new Web());
      apply(new Event.Stop(ROOT, "web"));
      demand();
      assertThat(orders()).isEmpty();
      apply(new Event.Start(ROOT, "web"));
      assertThat(awaited()).containsExactly(true);
    }

    @Test
    void aConnectionThatCameBeforeTheServiceWasConfiguredIsNotForgotten() {
      listeners.put(name("web"), listener("8080", IdlePolicy.SPAWN));
      reload();
      demand();
      configure(new Web());
      assertThat(awaited()).containsExactly(true);
    }

    @Test
    void aServiceStartsWhenItsListenerDoesNotWaitForConnectionsAnyMore() {
      listeners.put(name("web"), listener("8080", IdlePolicy.SPAWN));
      configure(new Web());
      listeners.put(name("web"), listener("8080", IdlePolicy.QUEUE));
      reload();
      assertThat(orders()).hasSize(1);
    }

    @Test
    void workersThatServeStayWhenTheirListenerBecomesOneOnDemand() {
      WorkerOrder worker = serve(new Web().idleStop(Duration.ofSeconds(5))).get(0);
      listeners.put(name("web"), listener("8080", IdlePolicy.SPAWN));
      reload();
      assertThat(stateOf(worker)).isEqualTo(WorkerState.READY);
      assertThat(view().state()).isEqualTo("running");
      pass(Duration.ofSeconds(5));
      apply(new Event.OpenCounted("web", 0));
      assertThat(stopped()).containsExactly(worker.worker());
    }

    @Test
    void whenToStopIdleWorkersMayBeChangedWhileTheyServe() {
      serveOnDemand(new Web());
      configure(new Web().idleStop(Duration.ofSeconds(5)));
      pass(Duration.ofSeconds(5));
      assertThat(of(Effect.CountOpen.class)).hasSize(1);
    }
  }

  // ---- configuration

  @Nested
  class Reloading {

    @Test
    void anotherNumberRestartsNobody() {
      WorkerOrder worker = serve(new Web()).get(0);
      configure(new Web().workers(2));
      assertThat(orders()).hasSize(1);
      configure(new Web().workers(1));
      assertThat(stateOf(worker)).isEqualTo(WorkerState.READY);
      assertThat(view().generation()).isEqualTo(1);
    }

    @Test
    void aNumberThatTheFileDoesNotChangeStaysAsItWasScaled() {
      serve(new Web());
      apply(new Event.Scale(ROOT, "web", 2));
      configure(new Web().idleStop(Duration.ofSeconds(5)));
      assertThat(view().workers()).isEqualTo(2);
    }

    @Test
    void anotherProgramIsRolledOut() {
      WorkerOrder old = serve(new Web()).get(0);
      configure(new Web().program("v2"));
      WorkerOrder fresh = order();
      assertThat(programs(orders())).containsExactly("v2");
      spawn(fresh);
      sayReady(fresh);
      assertThat(stopped()).containsExactly(old.worker());
    }

    @Test
    void aProgramThatFailsIsNotRolledOutAndTheReasonStays() {
      WorkerOrder old = serve(new Web()).get(0);
      configure(new Web().program("v2"));
      exit(order(), 1);
      assertThat(view().changed()).isTrue();
      assertThat(view().message()).contains("exited with 1");
      assertThat(stateOf(old)).isEqualTo(WorkerState.READY);
      configure(new Web());
      assertThat(view().changed()).isFalse();
      assertThat(orders()).isEmpty();
      assertThat(view().message()).isNull();
    }

    @Test
    void aProgramThatFailsIsTriedAgainLaterWhenNothingOfTheOldVersionIsReady() {
      configure(new Web());
      WorkerOrder old = order();
      spawn(old);
      configure(new Web().program("v2"));
      WorkerOrder fresh = order();
      spawn(fresh);
      exit(fresh, 1);
      assertThat(stopped()).containsExactly(old.worker());
      assertThat(orders()).isEmpty();
      assertThat(view().state()).isEqualTo("failing");
      assertThat(view().changed()).as("something else runs").isFalse();
      assertThat(view().message()).contains("exited with 1");
      exit(old, 0);
      passUntilNext();
      WorkerOrder next = order();
      assertThat(next.launch()).isEqualTo(fresh.launch());
      spawn(next);
      sayReady(next);
      assertThat(view().state()).isEqualTo("running");
      assertThat(view().message()).isNull();
    }

    @Test
    void aProgramThatFailsIsTriedLaterEachTimeAfterOneThatFailedToo() {
      configure(new Web());
      exit(order(), 1);
      configure(new Web().program("v2"));
      exit(order(), 1);
      Duration first = Duration.between(now, next());
      passUntilNext();
      assertThat(programs(orders())).containsExactly("v2");
      exit(order(), 1);
      assertThat(Duration.between(now, next())).isEqualTo(first.multipliedBy(2));
      passUntilNext();
      assertThat(programs(orders())).containsExactly("v2");
    }

    @Test
    void aRestartThatFailsLeavesTheVersionThatRanWhenNothingIsReady() {
      WorkerOrder old = serve(new Web()).get(0);
      configure(new Web().program("v2"));
      exit(order(), 1);
      exit(old, 1);
      restart(false);
      exit(order(), 1);
      assertThat(programs(orders())).containsExactly(programs(List.of(old)).get(0));
    }

    @Test
    void aServiceThatIsNotConfiguredAnyMoreIsForgottenWithItsLastWorker() {
      WorkerOrder worker = serve(new Web()).get(0);
      services.clear();
      reload();
      assertThat(stopped()).containsExactly(worker.worker());
      apply(new Event.Start(ROOT, "web"));
      assertThat(refusal(ROOT)).isEqualTo(new Refusal.NoSuchService("web"));
      exit(worker, 0);
      assertThat(effects).contains(new Effect.ForgetService("web"));
      assertThat(listing().services()).isEmpty();
    }

    @Test
    void aServiceThatIsConfiguredAgainWhileItStopsStartsNewWorkers() {
      WorkerOrder worker = serve(new Web()).get(0);
      services.clear();
      reload();
      configure(new Web());
      WorkerOrder next = order();
      exit(worker, 0);
      assertThat(of(Effect.ForgetService.class)).isEmpty();
      spawn(next);
      sayReady(next);
      assertThat(view().state()).isEqualTo("running");
    }

    @Test
    void whatChangesWhileARolloutIsUnderWayIsRolledOutAfterIt() {
      WorkerOrder old = serve(new Web()).get(0);
      configure(new Web().program("v2"));
      WorkerOrder second = order();
      spawn(second);
      configure(new Web().program("v3"));
      assertThat(orders()).isEmpty();
      sayReady(second);
      exit(old, 0);
      assertThat(programs(orders())).containsExactly("v3");
    }

    @Test
    void whatChangesWhileARolloutIsUnderWayIsRolledOutWhenItFails() {
      serve(new Web());
      configure(new Web().program("v2"));
      WorkerOrder second = order();
      configure(new Web().program("v3"));
      exit(second, 1);
      assertThat(programs(orders())).containsExactly("v3");
    }

    @Test
    void whatChangesWhileARolloutIsUnderWayIsRolledOutWhenItCannotGoOn() {
      listeners.put(name("also"), listener("8081", IdlePolicy.QUEUE));
      List<WorkerOrder> old = serve(new Web().workers(2));
      configure(new Web().workers(2).program("v2").listeners("web", "also"));
      WorkerOrder second = order();
      spawn(second);
      sayReady(second);
      pass(Duration.ofSeconds(1));
      assertThat(old).hasSize(2);
      listeners.remove(name("also"));
      configure(new Web().workers(2).program("v3"));
      assertThat(view().state()).isEqualTo("restarting");
      exit(old.get(0), 0);
      exit(second, 0);
      assertThat(programs(orders())).containsExactly("v3");
    }

    @Test
    void aListenerThatIsBoundAnewRestartsItsServices() {
      serve(new Web());
      listeners.put(name("web"), listener("8081", IdlePolicy.QUEUE));
      reload();
      assertThat(order().sockets().get(0).socket().id()).isEqualTo(lastSocket);
    }

    @Test
    void aServiceOfAListenerThatIsNotThereIsRefused() {
      services.put("web", new Web().config());
      reload();
      assertThat(refusal(ROOT))
          .isEqualTo(new Refusal.ReloadFailed("service web: no listener is named web"));
    }
  }

  // ---- the watchdog

  @Nested
  class Watching {

    private final Web watched = new Web().watchdog(Duration.ofSeconds(2));

    @Test
    void whoSaysThatItIsAliveStays() {
      WorkerOrder worker = serve(watched).get(0);
      for (int i = 0; i < 5; i++) {
        pass(Duration.ofMillis(1999));
        sayAlive(worker);
      }
      assertThat(killed()).isEmpty();
    }

    @Test
    void whoDoesNotSayThatItIsAliveIsKilledAndStartedAgain() {
      WorkerOrder worker = serve(watched).get(0);
      pass(Duration.ofSeconds(2));
      assertThat(killed()).containsExactly(worker.worker());
      apply(new Event.Exited(worker.worker(), new WorkerExit(0, 9, "")));
      assertThat(view().message()).contains("did not say WATCHDOG=1 in time");
      assertThat(view().state()).isEqualTo("failing");
    }

    @Test
    void whoSaysThatItFailsIsKilled() {
      WorkerOrder worker = serve(watched).get(0);
      sayFailing(worker);
      assertThat(killed()).containsExactly(worker.worker());
      pass(Duration.ofSeconds(5));
      assertThat(killed()).isEmpty();
    }

    @Test
    void noOldWorkerIsStoppedForANewOneThatIsBeingKilled() {
      WorkerOrder old = serve(watched.settle(Duration.ofMillis(100))).get(0);
      restart(false);
      WorkerOrder fresh = order();
      spawn(fresh);
      sayReady(fresh);
      sayAlive(old);
      sayFailing(fresh);
      pass(Duration.ofSeconds(1));
      assertThat(stopped()).isEmpty();
      assertThat(stateOf(old)).isEqualTo(WorkerState.READY);
    }

    @Test
    void anotherTakesThePlaceOfOneThatDoesNotDieOfSigkill() {
      serve(watched);
      pass(Duration.ofSeconds(2));
      pass(Services.UNKILLABLE);
      pass(Duration.ofMillis(500));
      assertThat(performed.stream().filter(Effect.Spawn.class::isInstance).count()).isEqualTo(2);
    }

    @Test
    void whatAFailedRolloutLeftIsWatchedAsItWasStarted() {
      List<WorkerOrder> old = serve(new Web().workers(2));
      configure(watched.program("v2").workers(2));
      WorkerOrder first = order();
      spawn(first);
      sayReady(first);
      exit(old.get(0), 0);
      exit(order(), 1);
      exit(old.get(1), 1);
      assertThat(stateOf(first)).isEqualTo(WorkerState.READY);
      pass(Duration.ofSeconds(1));
      sayAlive(first);
      pass(Duration.ofMillis(1500));
      assertThat(killed()).isEmpty();
    }
  }

  // ---- the end

  @Nested
  class Ending {

    private boolean finished() {
      return performed.stream().anyMatch(Effect.Finish.class::isInstance);
    }

    @Test
    void theBrokerEndsWithItsLastWorker() {
      List<WorkerOrder> workers = serve(new Web().workers(2));
      apply(new Event.ShutDown(false));
      assertThat(stopped()).hasSize(2);
      exit(workers.get(0), 0);
      assertThat(finished()).isFalse();
      exit(workers.get(1), 0);
      assertThat(finished()).isTrue();
    }

    @Test
    void aBrokerWithoutWorkersEndsAtOnceAndLeavesOtherLeasesAlone() {
      listeners.put(name("web"), listener("8080", IdlePolicy.QUEUE));
      reload();
      apply(new Event.Acquire(OTHER, List.of(name("web")), Hold.PROCESS, null, false, true, 15));
      apply(new Event.ShutDown(false));
      assertThat(finished()).isTrue();
      assertThat(of(Effect.StopHolder.class)).isEmpty();
    }

    @Test
    void oneWithWhichEverythingEndsAsksAllToFinishAndWaits() {
      WorkerOrder worker = serve(new Web()).get(0);
      apply(new Event.Acquire(OTHER, List.of(name("web")), Hold.PROCESS, null, false, true, 15));
      LeaseId lease = ((Answer.Granted) lastAnswer(OTHER)).lease();
      apply(new Event.ShutDown(true));
      assertThat(of(Effect.StopHolder.class)).containsExactly(new Effect.StopHolder(lease, 15));
      exit(worker, 0);
      assertThat(finished()).isFalse();
      apply(new Event.HolderGone(lease));
      assertThat(finished()).isTrue();
    }

    @Test
    void oneWithWhichEverythingEndsHandsOutNothingMore() {
      WorkerOrder worker = serve(new Web()).get(0);
      apply(new Event.ShutDown(true));
      apply(new Event.Acquire(OTHER, List.of(name("web")), Hold.PROCESS, null, false));
      assertThat(refusal(OTHER)).isEqualTo(new Refusal.ShuttingDown());
      exit(worker, 0);
      assertThat(finished()).isTrue();
    }

    @Test
    void theSecondTimeWorkersAreKilled() {
      WorkerOrder worker = serve(new Web()).get(0);
      apply(new Event.ShutDown(false));
      apply(new Event.ShutDown(false));
      assertThat(killed()).containsExactly(worker.worker());
      apply(new Event.ShutDown(false));
      assertThat(killed()).isEmpty();
    }

    @Test
    void nobodyWaitsForOneThatDoesNotDieOfSigkill() {
      serve(new Web());
      apply(new Event.ShutDown(true));
      pass(STOP_TIMEOUT);
      assertThat(finished()).isFalse();
      pass(Services.UNKILLABLE);
      assertThat(finished()).isTrue();
    }

    @Test
    void whoWaitsForARestartIsToldThatTheBrokerEnds() {
      serve(new Web());
      restartOne();
      apply(new Event.ShutDown(false));
      assertThat(refusal(ROOT)).isEqualTo(new Refusal.ShuttingDown());
      apply(new Event.Start(OTHER, "web"));
      assertThat(refusal(OTHER)).isEqualTo(new Refusal.ShuttingDown());
    }

    @Test
    void whatIsReloadedMeanwhileStartsNobody() {
      apply(new Event.ShutDown(true));
      configure(new Web());
      assertThat(orders()).isEmpty();
    }

    @Test
    void theBrokerEndsOnce() {
      apply(new Event.ShutDown(false));
      apply(new Event.ShutDown(false));
      assertThat(performed.stream().filter(Effect.Finish.class::isInstance)).hasSize(1);
    }
  }
}
