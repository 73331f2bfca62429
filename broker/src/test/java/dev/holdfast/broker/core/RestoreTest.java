package dev.holdfast.broker.core;

import static dev.holdfast.broker.core.Lives.ROOT;
import static dev.holdfast.broker.core.Lives.caller;
import static dev.holdfast.broker.core.Lives.listener;
import static dev.holdfast.broker.core.Lives.name;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.listener.LeaseId;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What holders may give back to a broker that does not have it any more. */
class RestoreTest {

  private static final Caller HOLDER = caller(5, 50);
  private static final Caller AGAIN = caller(6, 50);
  private static final long DESCRIPTOR = 77;

  private final Lives lives = new Lives();
  private BoundSocket web = Lives.socket(1, "tcp:[::]:8080");
  private LeaseId lease = new LeaseId("none");

  @BeforeEach
  void acquireWeb() {
    web = lives.listen("web", listener("8080")).main();
    lease = lives.acquire(HOLDER, Hold.PROCESS, "web");
  }

  /** The socket is not found, and not bound anew, since its holder still has it. */
  private void lose() {
    lives.sockets.clear();
    lives.die();
    lives.resume();
    failBind();
  }

  private void failBind() {
    lives.apply(
        new Event.BindFailed(
            lives.of(Effect.Bind.class).get(0).transaction(),
            new Refusal.BindFailed("web", web.endpoint(), "EADDRINUSE", "bind: EADDRINUSE")));
  }

  private static Offered offer(BoundSocket socket) {
    return new Offered(
        name("web"), DESCRIPTOR, socket.endpoint(), socket.kind(), true, socket.proof());
  }

  private void restore(Offered... offered) {
    lives.apply(new Event.Restore(AGAIN, lease, List.of(offered)));
  }

  private void assertNotTaken(Offered offered, String why) {
    restore(offered);
    assertThat(lives.of(Effect.TakeOffered.class)).isEmpty();
    assertThat(lives.of(Effect.DiscardDescriptor.class))
        .containsExactly(new Effect.DiscardDescriptor(DESCRIPTOR));
    assertThat(lives.answer(AGAIN.connection(), Answer.Restored.class).accepted()).isEmpty();
    assertThat(lives.notices(Notice.Kind.WARNING).get(0)).contains(why);
  }

  @Test
  void bringsALostSocketBack() {
    lose();
    restore(offer(web));
    assertThat(lives.of(Effect.TakeOffered.class))
        .containsExactly(new Effect.TakeOffered(DESCRIPTOR, name("web"), web, listener("8080")));
    assertThat(lives.answer(AGAIN.connection(), Answer.Restored.class).accepted())
        .containsExactly(name("web"));
    assertThat(lives.notices(Notice.Kind.LISTENER_RECOVERED)).hasSize(1);
    assertThat(lives.view("web").state()).isEqualTo("listening");
    assertThat(lives.state.nextDeadline()).isEmpty();
  }

  @Test
  void isNotNeededForASocketThatIsThere() {
    lives.die();
    lives.resume();
    restore(offer(web));
    assertThat(lives.of(Effect.TakeOffered.class)).isEmpty();
    assertThat(lives.of(Effect.DiscardDescriptor.class)).hasSize(1);
    assertThat(lives.answer(AGAIN.connection(), Answer.Restored.class).accepted())
        .containsExactly(name("web"));
  }

  @Test
  void takesNothingThatDiffers() {
    lose();
    SocketProof proof = web.proof();
    assertNotTaken(
        new Offered(name("web"), DESCRIPTOR, "tcp:[::]:1", SocketKind.STREAM, true, proof),
        "its endpoint is tcp:[::]:1, not " + web.endpoint());
    assertNotTaken(
        new Offered(name("web"), DESCRIPTOR, web.endpoint(), SocketKind.DATAGRAM, true, proof),
        "datagram");
    assertNotTaken(
        new Offered(name("web"), DESCRIPTOR, web.endpoint(), SocketKind.STREAM, false, proof),
        "it does not listen");
    assertNotTaken(
        offer(new BoundSocket(0, web.endpoint(), web.kind(), 1, new SocketProof(9, 0, null))),
        "its inode is 9");
    assertNotTaken(
        offer(new BoundSocket(0, web.endpoint(), web.kind(), 1, new SocketProof(0, 9, null))),
        "its cookie is 9");
    assertNotTaken(
        new Offered(name("other"), DESCRIPTOR, web.endpoint(), SocketKind.STREAM, true, proof),
        "does not have that listener");
  }

  @Test
  void takesNoSocketOfBeforeWhenAnotherWasBoundInItsPlace() {
    lives.sockets.clear();
    lives.die();
    lives.resume();
    lives.bind(lives.of(Effect.Bind.class).get(0));
    assertNotTaken(offer(web), "does not have that listener");
    assertThat(lives.state.hasLease(lease)).isTrue();
  }

  /** As in a pid namespace: the holder of the lease is what has started the sandbox. */
  @Test
  void isForWhatTheHolderStartedToo() {
    lose();
    Set<Integer> above = Set.of(40, 50, 1);
    lives.apply(new Event.Restore(caller(7, 51), above, lease, List.of(offer(web))));
    assertThat(lives.answer(7, Answer.Restored.class).accepted()).containsExactly(name("web"));
    assertThat(lives.of(Effect.Follow.class)).isEmpty();
  }

  @Test
  void isForTheHolderOnly() {
    lose();
    lives.apply(new Event.Restore(caller(7, 51), lease, List.of(offer(web))));
    assertThat(lives.answer(7, Answer.Refused.class).refusal())
        .isEqualTo(new Refusal.NotPermitted(lease.value(), "restore"));
    lives.apply(new Event.Restore(ROOT, lease, List.of(offer(web))));
    assertThat(lives.of(Effect.DiscardDescriptor.class)).hasSize(1);
    assertThat(lives.answer(ROOT.connection(), Answer.Refused.class).refusal())
        .isEqualTo(new Refusal.NotPermitted(lease.value(), "restore"));
  }

  @Test
  void needsALeaseThatIsRemembered() {
    lives.apply(new Event.Restore(AGAIN, new LeaseId("x-1"), List.of(offer(web))));
    assertThat(lives.of(Effect.DiscardDescriptor.class)).hasSize(1);
    assertThat(lives.answer(AGAIN.connection(), Answer.Refused.class).refusal())
        .isEqualTo(new Refusal.NoSuchLease("x-1"));
  }

  @Test
  void waitsForABindUnderWayAndGivesBackWhatItBroughtWhenItsCallerIsGone() {
    lives.sockets.clear();
    lives.die();
    lives.resume();
    Effect.Bind bind = lives.of(Effect.Bind.class).get(0);
    restore(offer(web));
    assertThat(lives.effects).isEmpty();
    lives.apply(new Event.ConnectionClosed(AGAIN.connection()));
    assertThat(lives.of(Effect.DiscardDescriptor.class)).hasSize(1);
    lives.bind(bind);
    assertThat(lives.of(Effect.Reply.class)).isEmpty();
  }

  @Test
  void hasALeaseOfAConnectionGoOnWithTheNewOne() {
    lease = lives.acquire(HOLDER, Hold.CONNECTION, "web");
    lives.die();
    lives.resume();
    restore();
    lives.pass(BrokerState.RESTORE_TIME.plus(Duration.ofHours(1)));
    assertThat(lives.state.hasLease(lease)).isTrue();
    lives.apply(new Event.ConnectionClosed(AGAIN.connection()));
    assertThat(lives.state.hasLease(lease)).isFalse();
  }

  @Test
  void hasAProcessFollowedThatCouldNotBe() {
    Caller elsewhere = caller(7, 0); // in another pid namespace
    lease = lives.acquire(elsewhere, Hold.PROCESS, "web");
    lives.leases.remove(lease);
    lives.die();
    lives.resume();
    lives.apply(new Event.Restore(caller(8, 0), lease, List.of()));
    assertThat(lives.of(Effect.Follow.class)).containsExactly(new Effect.Follow(lease, 8));
    lives.pass(BrokerState.RESTORE_TIME);
    assertThat(lives.state.hasLease(lease)).isTrue();
    lives.apply(new Event.HolderGone(lease));
    assertThat(lives.state.hasLease(lease)).isFalse();
  }

  @Test
  void isRememberedByTheNextBrokerToo() {
    lose();
    restore(offer(web));
    lives.sockets.add(web.id());
    lives.die();
    lives.resume();
    assertThat(lives.view("web").state()).isEqualTo("listening");
  }

  @Test
  void bringsACompanionBackByItself() {
    ListenerConfig config =
        new ListenerConfig(
            listener("8081").spec(),
            7,
            false,
            IdlePolicy.QUEUE,
            new Companion.AbstractName(),
            List.of(),
            SocketSettings.DEFAULT);
    Opened both = lives.listen("both", config);
    BoundSocket companion = both.companion().orElseThrow();
    lease = lives.acquire(new Caller(5, 50, 0, 0, List.of()), Hold.PROCESS, "both");
    lives.sockets.remove(companion.id());
    lives.die();
    lives.resume();
    BindOrder order = lives.of(Effect.Bind.class).get(0).orders().get(0);
    assertThat(order.config().spec().toString()).isEqualTo(companion.endpoint());
    failBind();
    lives.apply(
        new Event.Restore(
            new Caller(6, 50, 0, 0, List.of()),
            lease,
            List.of(
                new Offered(
                    name("both"),
                    DESCRIPTOR,
                    companion.endpoint(),
                    SocketKind.STREAM,
                    true,
                    companion.proof()))));
    assertThat(lives.of(Effect.TakeOffered.class)).hasSize(1);
    assertThat(lives.view("both").companion()).isEqualTo(companion);
  }
}
