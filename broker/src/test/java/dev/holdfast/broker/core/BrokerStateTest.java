package dev.holdfast.broker.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The rules, one by one; {@link BrokerSimulationTest} has what must hold in any order. */
class BrokerStateTest {

  private static final int OWN_UID = 100;
  private static final Caller ROOT = new Caller(1, 11, 0, 0, List.of());
  private static final Caller SELF = new Caller(2, 12, OWN_UID, OWN_UID, List.of());
  private static final Caller ALICE = new Caller(3, 13, 1000, 1000, List.of(50));
  private static final Caller BOB = new Caller(4, 14, 1001, 1001, List.of());
  private static final Principal.User IS_ALICE = new Principal.User(1000);

  private final BrokerState state = new BrokerState(OWN_UID, "t-");
  private Instant now = Instant.ofEpochSecond(1_000);
  private List<Effect> effects = List.of();
  private long lastSocket;

  @BeforeEach
  void openWeb() {
    listen("web", listener("8080"));
  }

  // ---- what the tests say

  private List<Effect> apply(Event event) {
    effects = state.apply(event, now);
    state.check();
    return effects;
  }

  private static ListenerName name(String name) {
    return ListenerName.parse(name);
  }

  private static ListenerConfig listener(
      String spec, IdlePolicy idle, Companion companion, Principal... allow) {
    try {
      return new ListenerConfig(
          ListenSpec.parse(spec),
          7,
          false,
          idle,
          companion,
          List.of(allow),
          SocketSettings.DEFAULT);
    } catch (InvalidSpecException e) {
      throw new AssertionError(e);
    }
  }

  private static ListenerConfig listener(String spec, Principal... allow) {
    return listener(spec, IdlePolicy.QUEUE, new Companion.None(), allow);
  }

  private static ListenerConfig refusing(String spec) {
    return listener(spec, IdlePolicy.REFUSE, new Companion.None());
  }

  private void listen(String name, ListenerConfig config) {
    apply(new Event.Listen(ROOT, name(name), config));
    bindAll();
  }

  /** Lets the bind that was just asked for succeed; does nothing if none was. */
  private List<Opened> bindAll() {
    List<Opened> opened = new ArrayList<>();
    for (Effect.Bind bind : of(Effect.Bind.class)) {
      for (BindOrder order : bind.orders()) {
        String endpoint = "tcp:[::]:" + order.config().spec();
        opened.add(
            new Opened(
                order.name(),
                new BoundSocket(++lastSocket, endpoint, SocketKind.STREAM, 1),
                order.config().companion() instanceof Companion.None
                    ? Optional.empty()
                    : Optional.of(
                        new BoundSocket(++lastSocket, "unix:@kx", SocketKind.STREAM, 0))));
      }
      apply(new Event.Bound(bind.transaction(), opened));
    }
    return opened;
  }

  private void failBind(String errno, String endpoint) {
    Effect.Bind bind = of(Effect.Bind.class).get(0);
    apply(
        new Event.BindFailed(
            bind.transaction(),
            new Refusal.BindFailed(
                bind.orders().get(0).name().value(), endpoint, errno, "bind: " + errno)));
  }

  private List<Effect> reload(Object... namesAndListeners) {
    TreeMap<ListenerName, ListenerConfig> listeners = new TreeMap<>();
    for (int i = 0; i < namesAndListeners.length; i += 2) {
      listeners.put(name((String) namesAndListeners[i]), (ListenerConfig) namesAndListeners[i + 1]);
    }
    return configure(List.of(), List.of(), List.of(), listeners);
  }

  private List<Effect> configure(
      List<Principal> control,
      List<Principal> store,
      List<Principal> retrieve,
      Map<ListenerName, ListenerConfig> listeners) {
    BrokerConfig.Limits limits =
        new BrokerConfig.Limits(
            9, Duration.ZERO, Duration.ZERO, 2, Duration.ofSeconds(30), Duration.ZERO);
    return apply(
        new Event.Configured(
            ROOT.connection(),
            new BrokerConfig(control, store, retrieve, limits, new TreeMap<>(listeners))));
  }

  private LeaseId acquire(Caller caller, String... names) {
    return acquire(caller, Hold.PROCESS, null, false, names);
  }

  private LeaseId acquire(
      Caller caller, Hold hold, @Nullable String service, boolean replace, String... names) {
    apply(
        new Event.Acquire(
            caller,
            List.of(names).stream().map(BrokerStateTest::name).toList(),
            hold,
            service,
            replace));
    return ((Answer.Granted) answer(caller)).lease();
  }

  private Answer answer(Caller caller) {
    List<Answer> answers = answers(caller);
    assertThat(answers).as("answers to %s", caller).hasSize(1);
    return answers.get(0);
  }

  private List<Answer> answers(Caller caller) {
    return of(Effect.Reply.class).stream()
        .filter(reply -> reply.connection() == caller.connection())
        .map(Effect.Reply::answer)
        .toList();
  }

  private Refusal refusal(Caller caller) {
    return ((Answer.Refused) answer(caller)).refusal();
  }

  private <T extends Effect> List<T> of(Class<T> kind) {
    return effects.stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  private List<Notice.Kind> noticed() {
    return of(Effect.Log.class).stream().map(each -> each.notice().kind()).toList();
  }

  private Answer.ListenerView view(String name) {
    apply(new Event.ListAll(ROOT));
    return ((Answer.Listing) answer(ROOT))
        .listeners().stream()
            .filter(each -> each.name().equals(name(name)))
            .findFirst()
            .orElseThrow();
  }

  private long socket(String name) {
    BoundSocket socket = view(name).socket();
    if (socket == null) {
      throw new AssertionError(name + " has no socket");
    }
    return socket.id();
  }

  private @Nullable LeaseState stateOf(LeaseId lease) {
    apply(new Event.ListAll(ROOT));
    return ((Answer.Listing) answer(ROOT))
        .leases().stream()
            .filter(each -> each.lease().equals(lease))
            .map(Answer.LeaseView::state)
            .findFirst()
            .orElse(null);
  }

  // ---- the rules

  @Nested
  class RightsAre {

    @Test
    void deniedByDefault() {
      apply(new Event.Acquire(ALICE, List.of(name("web")), Hold.PROCESS, null, false));

      assertThat(refusal(ALICE)).isEqualTo(new Refusal.NotPermitted("web", "acquire"));
      assertThat(state.hasAnyRight(ALICE)).isFalse();
    }

    @Test
    void wholeForRootAndForTheBrokersOwnUser() {
      assertThat(stateOf(acquire(ROOT, "web"))).isEqualTo(LeaseState.WARMING);
      assertThat(stateOf(acquire(SELF, "web"))).isEqualTo(LeaseState.WARMING);
    }

    @Test
    void givenToAUserOrAGroupOrEverybody() {
      listen("user", listener("1", IS_ALICE));
      listen("group", listener("2", new Principal.Group(50)));
      listen("all", listener("3", new Principal.Everybody()));

      acquire(ALICE, "user", "group", "all");
      acquire(BOB, "all");
      apply(new Event.Acquire(BOB, List.of(name("group")), Hold.PROCESS, null, false));
      assertThat(refusal(BOB)).isEqualTo(new Refusal.NotPermitted("group", "acquire"));
    }

    @Test
    void neededForEachListenerOfALease() {
      listen("mine", listener("1", IS_ALICE));

      apply(
          new Event.Acquire(ALICE, List.of(name("mine"), name("web")), Hold.PROCESS, null, false));

      assertThat(refusal(ALICE)).isEqualTo(new Refusal.NotPermitted("web", "acquire"));
      assertThat(state.leaseCount()).isZero();
    }

    @Test
    void notToLearnWhichNamesExist() {
      apply(new Event.Acquire(ALICE, List.of(name("none")), Hold.PROCESS, null, false));

      assertThat(refusal(ALICE)).isEqualTo(new Refusal.NotPermitted("none", "acquire"));
    }

    @Test
    void separateForControlAndStoreAndRetrieve() {
      configure(List.of(IS_ALICE), List.of(new Principal.User(1001)), List.of(), Map.of());

      apply(new Event.Close(ALICE, name("web")));
      assertThat(answer(ALICE)).isEqualTo(new Answer.Done());
      apply(new Event.Store(ALICE, "x", "file", 5));
      assertThat(refusal(ALICE)).isEqualTo(new Refusal.NotPermitted("x", "store"));
      apply(new Event.Store(BOB, "x", "file", 6));
      assertThat(answer(BOB)).isEqualTo(new Answer.Done());
      apply(new Event.Retrieve(BOB, "x", false));
      assertThat(refusal(BOB)).isEqualTo(new Refusal.NotPermitted("x", "retrieve"));
      apply(new Event.ListAll(BOB));
      assertThat(refusal(BOB)).isEqualTo(new Refusal.NotPermitted("", "list"));
    }

    @Test
    void notWonByHavingNoPidInOurNamespace() {
      listen("all", listener("3", new Principal.Everybody()));
      Caller hidden = new Caller(5, 0, 1000, 1000, List.of());
      LeaseId lease = acquire(hidden, "all");

      Caller other = new Caller(6, 0, 1001, 1001, List.of());
      apply(new Event.Release(other, lease));

      assertThat(refusal(other)).isEqualTo(new Refusal.NotPermitted(lease.value(), "release"));
    }
  }

  @Nested
  class AcquireGives {

    @Test
    void socketsInTheOrderOfTheNamesEachWithItsCompanion() {
      listen("api", listener("1", IdlePolicy.QUEUE, new Companion.AbstractName()));

      acquire(ROOT, "web", "api");

      assertThat(((Answer.Granted) answer(ROOT)).sockets())
          .extracting(each -> each.listener() + " " + each.socket().endpoint())
          .containsExactly("web tcp:[::]:8080", "api tcp:[::]:1", "api unix:@kx");
    }

    @Test
    void nothingForNoNameOrTheSameTwice() {
      for (List<ListenerName> names :
          List.of(List.<ListenerName>of(), List.of(name("web"), name("web")))) {
        apply(new Event.Acquire(ROOT, names, Hold.PROCESS, null, false));
        assertThat(refusal(ROOT)).isEqualTo(new Refusal.InvalidParameter("listeners"));
      }
    }

    @Test
    void nothingOfAStoppedListener() {
      listen("off", listener("0"));

      apply(new Event.Acquire(ROOT, List.of(name("off")), Hold.PROCESS, null, false));

      assertThat(refusal(ROOT)).isEqualTo(new Refusal.ListenerStopped("off"));
    }

    @Test
    void noReplacementWithoutAService() {
      apply(new Event.Acquire(ROOT, List.of(name("web")), Hold.PROCESS, null, true));

      assertThat(refusal(ROOT)).isEqualTo(new Refusal.InvalidParameter("service"));
    }

    @Test
    void noMoreLeasesThanTheLimit() {
      for (int i = 0; i < 65_536; i++) {
        effects =
            state.apply(
                new Event.Acquire(ROOT, List.of(name("web")), Hold.PROCESS, null, false), now);
      }
      apply(new Event.Acquire(ROOT, List.of(name("web")), Hold.PROCESS, null, false));

      assertThat(refusal(ROOT)).isEqualTo(new Refusal.LimitReached("leases", 65_536));
    }
  }

  @Nested
  class ALease {

    @Test
    void followsItsProcessAndEndsWithIt() {
      LeaseId lease = acquire(ROOT, "web");
      assertThat(of(Effect.Follow.class))
          .containsExactly(new Effect.Follow(lease, ROOT.connection()));

      apply(new Event.ConnectionClosed(ROOT.connection()));
      assertThat(state.leaseCount()).isOne();
      apply(new Event.HolderGone(lease));
      assertThat(state.leaseCount()).isZero();
      assertThat(of(Effect.Unfollow.class)).containsExactly(new Effect.Unfollow(lease));
    }

    @Test
    void followsItsConnectionAndEndsWithIt() {
      acquire(ROOT, Hold.CONNECTION, null, false, "web");
      assertThat(of(Effect.Follow.class)).isEmpty();

      apply(new Event.ConnectionClosed(ROOT.connection()));

      assertThat(state.leaseCount()).isZero();
    }

    @Test
    void endsWhenItsSocketsCouldNotBeDelivered() {
      apply(new Event.Undelivered(acquire(ROOT, "web")));

      assertThat(state.leaseCount()).isZero();
    }

    @Test
    void isReleasedByItsUserAndNobodyElse() {
      listen("all", listener("3", new Principal.Everybody()));
      LeaseId lease = acquire(ALICE, "all");

      apply(new Event.Release(BOB, lease));
      assertThat(refusal(BOB)).isEqualTo(new Refusal.NotPermitted(lease.value(), "release"));
      apply(new Event.Release(ALICE, lease));
      assertThat(answer(ALICE)).isEqualTo(new Answer.Done());
      apply(new Event.Release(ALICE, lease));
      assertThat(refusal(ALICE)).isEqualTo(new Refusal.NoSuchLease(lease.value()));
    }

    @Test
    void tellsEachOfItsStatesToWhoAwaitsIt() {
      LeaseId lease = acquire(ROOT, "web");
      apply(new Event.Await(SELF, lease, true));
      assertThat(answer(SELF))
          .isEqualTo(new Answer.State(LeaseState.WARMING, Optional.empty(), false));

      apply(new Event.Ready(ROOT, lease));
      assertThat(answer(SELF))
          .isEqualTo(new Answer.State(LeaseState.READY, Optional.empty(), false));
      apply(new Event.Ready(ROOT, lease));
      assertThat(answers(SELF)).isEmpty();
      apply(new Event.Release(ROOT, lease));
      assertThat(answer(SELF))
          .isEqualTo(new Answer.State(LeaseState.REVOKED, Optional.empty(), true));
    }

    @Test
    void isAwaitedOnceWithoutMore() {
      LeaseId lease = acquire(ROOT, "web");
      apply(new Event.Await(SELF, lease, false));
      assertThat(answer(SELF))
          .isEqualTo(new Answer.State(LeaseState.WARMING, Optional.empty(), true));

      apply(new Event.Ready(ROOT, lease));
      assertThat(answers(SELF)).isEmpty();
    }
  }

  @Nested
  class ADrain {

    @Test
    void asksTheHolderAndEndsAtItsDeadline() {
      LeaseId lease = acquire(ROOT, "web");
      Instant end = now.plusSeconds(5);
      apply(new Event.Drain(SELF, lease, Optional.of(end)));

      assertThat(stateOf(lease)).isEqualTo(LeaseState.DRAINING);
      assertThat(state.nextDeadline()).contains(end);
      assertThat(state.expire(end.minusNanos(1))).isEmpty();
      effects = state.expire(end);
      assertThat(noticed()).containsExactly(Notice.Kind.LEASE_ENDED);
      assertThat(state.nextDeadline()).isEmpty();
    }

    @Test
    void withoutADeadlineLastsAsLongAsItsHolder() {
      LeaseId lease = acquire(ROOT, "web");
      apply(new Event.Drain(SELF, lease, Optional.empty()));

      assertThat(state.nextDeadline()).isEmpty();
      assertThat(stateOf(lease)).isEqualTo(LeaseState.DRAINING);
    }

    @Test
    void takesAnotherDeadlineLater() {
      LeaseId lease = acquire(ROOT, "web");
      apply(new Event.Drain(SELF, lease, Optional.of(now.plusSeconds(60))));
      apply(new Event.Await(SELF, lease, true));

      Instant sooner = now.plusSeconds(1);
      apply(new Event.Drain(ROOT, lease, Optional.of(sooner)));

      assertThat(answer(SELF))
          .isEqualTo(new Answer.State(LeaseState.DRAINING, Optional.of(sooner), false));
      assertThat(state.nextDeadline()).contains(sooner);
      effects = state.expire(sooner);
      assertThat(state.leaseCount()).isZero();
    }

    @Test
    void isForgottenWithALeaseThatEndsBefore() {
      LeaseId lease = acquire(ROOT, "web");
      apply(new Event.Drain(SELF, lease, Optional.of(now.plusSeconds(60))));
      apply(new Event.Release(ROOT, lease));

      assertThat(state.nextDeadline()).isEmpty();
    }

    @Test
    void cannotBeUndoneBySayingReady() {
      LeaseId lease = acquire(ROOT, "web");
      apply(new Event.Drain(SELF, lease, Optional.empty()));
      apply(new Event.Ready(ROOT, lease));

      assertThat(stateOf(lease)).isEqualTo(LeaseState.DRAINING);
    }
  }

  @Nested
  class AReplacement {

    @Test
    void drainsOlderLeasesOfItsServiceWhenItIsReady() {
      listen("other", listener("1"));
      LeaseId old = acquire(ROOT, Hold.PROCESS, "shop", false, "web");
      LeaseId elsewhere = acquire(ROOT, Hold.PROCESS, "shop", false, "other");
      LeaseId stranger = acquire(ROOT, Hold.PROCESS, "blog", false, "web");
      LeaseId next = acquire(ROOT, Hold.PROCESS, "shop", true, "web");
      assertThat(stateOf(old)).isEqualTo(LeaseState.WARMING);

      apply(new Event.Ready(ROOT, next));

      assertThat(stateOf(old)).isEqualTo(LeaseState.DRAINING);
      assertThat(state.nextDeadline()).contains(now.plusSeconds(30));
      assertThat(stateOf(elsewhere)).isEqualTo(LeaseState.WARMING);
      assertThat(stateOf(stranger)).isEqualTo(LeaseState.WARMING);
      assertThat(stateOf(next)).isEqualTo(LeaseState.READY);
    }

    @Test
    void leavesANewerOneAlone() {
      LeaseId first = acquire(ROOT, Hold.PROCESS, "shop", true, "web");
      LeaseId second = acquire(ROOT, Hold.PROCESS, "shop", true, "web");

      apply(new Event.Ready(ROOT, first));
      assertThat(stateOf(second)).isEqualTo(LeaseState.WARMING);
      apply(new Event.Ready(ROOT, second));
      assertThat(stateOf(first)).isEqualTo(LeaseState.DRAINING);
    }
  }

  @Nested
  class AnIdleListenerThatRefuses {

    @Test
    void listensFromItsFirstLeaseToItsLast() {
      apply(new Event.Listen(ROOT, name("shy"), refusing("1")));
      assertThat(of(Effect.Bind.class).get(0).orders().get(0).listening()).isFalse();
      bindAll();
      long socket = socket("shy");

      LeaseId first = acquire(ROOT, "shy");
      assertThat(effects)
          .containsSubsequence(
              new Effect.StartListening(socket, 7),
              new Effect.Reply(ROOT.connection(), answer(ROOT)));
      LeaseId second = acquire(ROOT, "shy");
      assertThat(of(Effect.StartListening.class)).isEmpty();
      apply(new Event.Release(ROOT, first));
      assertThat(of(Effect.Refuse.class)).isEmpty();
      apply(new Event.Release(ROOT, second));
      assertThat(of(Effect.Refuse.class)).containsExactly(new Effect.Refuse(socket));
    }

    @Test
    void isNotShutDownForItsWorkersWhenItIsClosed() {
      listen("shy", refusing("1"));
      long socket = socket("shy");
      acquire(ROOT, "shy");

      apply(new Event.Close(ROOT, name("shy")));

      assertThat(of(Effect.Refuse.class)).isEmpty();
      assertThat(of(Effect.CloseSocket.class)).containsExactly(new Effect.CloseSocket(socket));
    }

    @Test
    void isNotHealedWhileNobodyServesIt() {
      listen("shy", refusing("1"));

      assertThat(apply(new Event.HungUp(socket("shy")))).isEmpty();
    }

    @Test
    void isTriedAnewByTheNextLease() {
      listen("shy", refusing("1"));
      LeaseId lease = acquire(ROOT, "shy");
      apply(new Event.Broken(socket("shy"), "EADDRINUSE"));
      assertThat(view("shy").state()).isEqualTo("failed");
      apply(new Event.Release(ROOT, lease));

      acquire(ROOT, "shy");

      assertThat(of(Effect.StartListening.class)).hasSize(1);
      assertThat(view("shy").state()).isEqualTo("listening");
    }
  }

  @Nested
  class Listen {

    @Test
    void givesAnEqualRequestTheSameSocketAndAnUnequalOneAConflict() {
      apply(new Event.Listen(ROOT, name("web"), listener("8080")));
      assertThat(((Answer.OneListener) answer(ROOT)).listener().socket()).isNotNull();
      assertThat(of(Effect.Bind.class)).isEmpty();

      apply(new Event.Listen(ROOT, name("web"), listener("8081")));
      assertThat(refusal(ROOT)).isEqualTo(new Refusal.Conflict("web", "web"));
    }

    @Test
    void namesTheListenerThatHasTheEndpoint() {
      apply(new Event.Listen(ROOT, name("www"), listener("8080")));
      failBind("EADDRINUSE", "tcp:[::]:8080");

      assertThat(refusal(ROOT)).isEqualTo(new Refusal.Conflict("www", "web"));
      assertThat(state.listenerCount()).isOne();
    }

    @Test
    void stopsAtZeroAndKeepsTheName() {
      LeaseId lease = acquire(ROOT, "web");
      long socket = socket("web");
      apply(new Event.Listen(ROOT, name("web"), listener("0")));

      assertThat(of(Effect.CloseSocket.class)).containsExactly(new Effect.CloseSocket(socket));
      assertThat(stateOf(lease)).isNull();
      assertThat(view("web").state()).isEqualTo("stopped");
      listen("web", listener("8081"));
      assertThat(view("web").state()).isEqualTo("idle");
    }

    @Test
    void waitsForABindThatIsUnderWay() {
      apply(new Event.Listen(ROOT, name("a"), listener("1")));
      Effect.Bind bind = of(Effect.Bind.class).get(0);
      apply(new Event.Listen(SELF, name("a"), listener("1")));
      assertThat(effects).isEmpty();

      BoundSocket socket = new BoundSocket(99, "tcp:[::]:1", SocketKind.STREAM, 1);
      apply(
          new Event.Bound(
              bind.transaction(), List.of(new Opened(name("a"), socket, Optional.empty()))));

      assertThat(((Answer.OneListener) answer(ROOT)).listener().socket()).isEqualTo(socket);
      assertThat(((Answer.OneListener) answer(SELF)).listener().socket()).isEqualTo(socket);
    }

    @Test
    void isCarriedThroughForACallerThatIsGone() {
      apply(new Event.Listen(ROOT, name("a"), listener("1")));
      List<Effect> bind = effects;
      apply(new Event.ConnectionClosed(ROOT.connection()));
      effects = bind;
      bindAll();

      assertThat(answers(ROOT)).isEmpty();
      assertThat(view("a").state()).isEqualTo("idle");
    }
  }

  @Nested
  class AReload {

    @Test
    void addsAndChangesAndRemovesAndLeavesTheRestAlone() {
      reload("same", listener("1"), "moved", listener("2"), "gone", listener("3"));
      bindAll();
      long same = socket("same");
      long moved = socket("moved");
      long gone = socket("gone");

      reload("same", listener("1"), "moved", listener("22"), "new", listener("4"));
      bindAll();

      assertThat(answer(ROOT))
          .isEqualTo(reloaded(List.of("new"), List.of("moved"), List.of("gone")));
      assertThat(of(Effect.CloseSocket.class))
          .containsExactlyInAnyOrder(new Effect.CloseSocket(moved), new Effect.CloseSocket(gone));
      assertThat(socket("same")).isEqualTo(same);
      assertThat(view("web").state()).as("what Listen opened stays").isEqualTo("idle");
    }

    @Test
    void changesOptionsOnTheSocketThatIsBound() {
      reload("a", listener("1"));
      bindAll();
      long socket = socket("a");
      reload("a", refusing("1"));

      assertThat(effects)
          .containsSubsequence(
              new Effect.ApplySettings(socket, refusing("1")), new Effect.Refuse(socket));
      reload("a", listener("-1"));
      assertThat(effects)
          .containsSubsequence(
              new Effect.StartListening(socket, 7),
              new Effect.ApplySettings(socket, listener("-1")));
      assertThat(of(Effect.Bind.class)).isEmpty();
    }

    @Test
    void isAllOrNothing() {
      reload("a", listener("1"));
      bindAll();

      reload("b", listener("2"), "c", listener("3"));
      failBind("EACCES", "tcp:[::]:2");

      assertThat(refusal(ROOT))
          .isEqualTo(new Refusal.BindFailed("b", "tcp:[::]:2", "EACCES", "bind: EACCES"));
      assertThat(view("a").state()).isEqualTo("idle");
      assertThat(state.config().listeners()).containsOnlyKeys(name("a"));
    }

    @Test
    void isRefusedWhereASecondSocketWouldBeNeededOnTheSameEndpoint() {
      reload("a", listener("1"));
      bindAll();

      reload("a", listener("-1", IdlePolicy.QUEUE, new Companion.AbstractName()));

      assertThat(refusal(ROOT)).isInstanceOf(Refusal.ReloadFailed.class);
      assertThat(of(Effect.Bind.class)).isEmpty();
    }

    @Test
    void conflictsWithAnUnequalListenerOfListenAndTakesOverAnEqualOne() {
      reload("web", listener("8081"));
      assertThat(refusal(ROOT)).isEqualTo(new Refusal.Conflict("web", "web"));

      reload("web", listener("8080"));
      assertThat(answer(ROOT)).isEqualTo(reloaded(List.of(), List.of(), List.of()));
      reload();
      assertThat(answer(ROOT)).isEqualTo(reloaded(List.of(), List.of(), List.of("web")));
    }

    @Test
    void stopsAndOpensAgain() {
      reload("a", listener("1"));
      bindAll();
      reload("a", listener("0"));
      assertThat(of(Effect.CloseSocket.class)).hasSize(1);
      assertThat(noticed()).contains(Notice.Kind.LISTENER_CLOSED);
      assertThat(view("a").state()).isEqualTo("stopped");

      reload("a", listener("1"));
      bindAll();
      assertThat(view("a").state()).isEqualTo("idle");
    }

    @Test
    void makesAConfiguredListenerAgainAsTheFileSaysAfterListenChangedIt() {
      reload("a", listener("0"));
      listen("a", listener("1"));

      reload("a", listener("0"));

      assertThat(answer(ROOT)).isEqualTo(reloaded(List.of(), List.of("a"), List.of()));
      assertThat(view("a").state()).isEqualTo("stopped");
    }

    @Test
    void movesAListenerUnderItsLeases() {
      reload("a", listener("unix:/old"));
      bindAll();
      long old = socket("a");
      LeaseId lease = acquire(ROOT, "a");

      reload("a", listener("unix:/new"));
      bindAll();

      assertThat(of(Effect.CloseSocket.class)).containsExactly(new Effect.CloseSocket(old));
      assertThat(noticed()).contains(Notice.Kind.WARNING);
      assertThat(stateOf(lease)).isEqualTo(LeaseState.WARMING);
    }

    @Test
    void waitsForTheOneBeforeIt() {
      reload("a", listener("1"));
      Effect.Bind bind = of(Effect.Bind.class).get(0);
      reload("a", listener("1"));
      assertThat(effects).isEmpty();

      effects = List.of(bind);
      bindAll();

      assertThat(answers(ROOT))
          .containsExactly(
              reloaded(List.of("a"), List.of(), List.of()),
              reloaded(List.of(), List.of(), List.of()));
    }
  }

  @Nested
  class AStoredDescriptor {

    private void store(Caller caller, String name, long descriptor) {
      apply(new Event.Store(caller, name, "file", descriptor));
    }

    @Test
    void staysUntilItIsRemoved() {
      store(ROOT, "x", 5);
      apply(new Event.Retrieve(ROOT, "x", false));
      assertThat(answer(ROOT)).isEqualTo(new Answer.Retrieved(5, false));
      apply(new Event.Retrieve(ROOT, "x", true));
      assertThat(answer(ROOT)).isEqualTo(new Answer.Retrieved(5, true));
      apply(new Event.Retrieve(ROOT, "x", true));
      assertThat(refusal(ROOT)).isEqualTo(new Refusal.NoSuchDescriptor("x"));
    }

    @Test
    void isReplacedByItsOwnUserOnly() {
      configure(List.of(), List.of(new Principal.Everybody()), List.of(), Map.of());
      store(ALICE, "x", 5);
      store(BOB, "x", 6);
      assertThat(refusal(BOB)).isEqualTo(new Refusal.NotPermitted("x", "store"));
      assertThat(effects).contains(new Effect.DiscardDescriptor(6));
      store(ALICE, "x", 7);
      assertThat(effects).contains(new Effect.DiscardDescriptor(5));
    }

    @Test
    void isOneOfALimitedNumber() {
      configure(List.of(), List.of(), List.of(), Map.of());
      store(ROOT, "x", 5);
      store(ROOT, "y", 6);
      store(ROOT, "z", 7);

      assertThat(refusal(ROOT)).isEqualTo(new Refusal.LimitReached("stored", 2));
      assertThat(effects).contains(new Effect.DiscardDescriptor(7));
      store(ROOT, "x", 8);
      assertThat(answer(ROOT)).isEqualTo(new Answer.Done());
    }
  }

  @Nested
  class TheHealthOfASocket {

    @Test
    void isAuditedWhileWorkersHoldIt() {
      long socket = socket("web");
      LeaseId lease = acquire(ROOT, "web");
      assertThat(effects).contains(new Effect.Audit(socket, true));
      apply(new Event.Release(ROOT, lease));
      assertThat(effects).contains(new Effect.Audit(socket, false));
    }

    @Test
    void isRestoredWhenAWorkerShutItDown() {
      long socket = socket("web");
      acquire(ROOT, "web");

      assertThat(apply(new Event.HungUp(socket))).containsExactly(new Effect.Heal(socket));
      apply(new Event.Healed(socket, false));
      assertThat(noticed()).containsExactly(Notice.Kind.LISTENER_HEALED);
      assertThat(view("web").healed()).isOne();
      assertThat(state.leaseCount()).isOne();
    }

    @Test
    void endsLeasesOnASocketThatHadToBeReplaced() {
      acquire(ROOT, "web");
      apply(new Event.Healed(socket("web"), true));

      assertThat(state.leaseCount()).isZero();
    }

    @Test
    void isToldApartForAListenerAndItsCompanion() {
      listen("api", listener("1", IdlePolicy.QUEUE, new Companion.AbstractName()));
      long main = socket("api");
      apply(new Event.Broken(main + 1, "no more"));
      apply(new Event.Healed(main, false));

      assertThat(view("api").state()).isEqualTo("failed");
      assertThat(view("api").message()).isEqualTo("no more");
    }

    @Test
    void countsWhatHadToBePutBack() {
      apply(new Event.Audited(socket("web"), true, true));

      assertThat(noticed())
          .containsExactly(Notice.Kind.FLAGS_RESTORED, Notice.Kind.BACKLOG_RESTORED);
      assertThat(view("web").flagsRestored()).isOne();
      assertThat(view("web").backlogRestored()).isOne();
    }
  }

  @Test
  void watchersSeeASnapshotAndThenEachEventUntilTheyGo() {
    apply(new Event.Watch(SELF));
    assertThat(answer(SELF)).isInstanceOf(Answer.Snapshot.class);

    LeaseId lease = acquire(ROOT, "web");
    assertThat(answers(SELF))
        .extracting(each -> ((Answer.Happened) each).notice().kind())
        .containsExactly(Notice.Kind.LEASE_GRANTED);
    apply(new Event.ConnectionClosed(SELF.connection()));
    apply(new Event.Release(ROOT, lease));
    assertThat(answers(SELF)).isEmpty();
  }

  private static Answer.Reloaded reloaded(
      List<String> added, List<String> changed, List<String> removed) {
    return new Answer.Reloaded(
        new Answer.Changes(added, changed, removed),
        new Answer.Changes(List.of(), List.of(), List.of()));
  }
}
