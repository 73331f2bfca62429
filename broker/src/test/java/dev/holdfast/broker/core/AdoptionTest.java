package dev.holdfast.broker.core;

import static dev.holdfast.broker.core.Lives.ROOT;
import static dev.holdfast.broker.core.Lives.caller;
import static dev.holdfast.broker.core.Lives.listener;
import static dev.holdfast.broker.core.Lives.name;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** A listener that is taken out of a process which never heard of the broker. */
class AdoptionTest {

  private static final Caller SERVER = new Caller(1, 60, 33, 33, List.of());
  private static final BoundSocket TAKEN = Lives.socket(500, "tcp:0.0.0.0:80");

  private final Lives lives = new Lives();

  private void adopt(Caller operator, String name) {
    lives.apply(new Event.Adopted(operator, name(name), listener("80"), TAKEN, SERVER, "web", 15));
  }

  private void assertRefused(Caller operator, Refusal refusal) {
    assertThat(lives.answer(operator.connection(), Answer.Refused.class).refusal())
        .isEqualTo(refusal);
    assertThat(lives.of(Effect.CloseSocket.class))
        .containsExactly(new Effect.CloseSocket(TAKEN.id()));
  }

  @Test
  void leasesItToTheProcess() {
    adopt(ROOT, "nginx");
    Answer.AdoptedListener answer = lives.answer(ROOT.connection(), Answer.AdoptedListener.class);
    assertThat(answer.listener().state()).isEqualTo("listening");
    assertThat(lives.of(Effect.Follow.class))
        .containsExactly(new Effect.Follow(answer.lease(), ROOT.connection()));
    assertThat(lives.of(Effect.Audit.class)).containsExactly(new Effect.Audit(TAKEN.id(), true));
    assertThat(lives.notices(Notice.Kind.LISTENER_ADOPTED)).hasSize(1);
    lives.apply(new Event.HolderGone(answer.lease()));
    assertThat(lives.view("nginx").state()).isEqualTo("idle");
  }

  @Test
  void isReplacedLikeAnyOther() {
    adopt(ROOT, "nginx");
    LeaseId old = lives.answer(ROOT.connection(), Answer.AdoptedListener.class).lease();
    Caller next = new Caller(2, 61, 0, 0, List.of());
    lives.apply(
        new Event.Acquire(next, List.of(name("nginx")), Hold.PROCESS, "web", true, true, 15));
    LeaseId fresh = lives.answer(2, Answer.Granted.class).lease();
    lives.apply(new Event.Ready(next, fresh));
    assertThat(lives.of(Effect.StopHolder.class)).containsExactly(new Effect.StopHolder(old, 15));
  }

  @Test
  void needsRightsOverBothTheBrokerAndTheProcess() {
    adopt(caller(5, 50), "nginx");
    assertRefused(caller(5, 50), new Refusal.NotPermitted("nginx", "adopt"));
    lives.apply(
        new Event.Configured(
            ROOT.connection(),
            new BrokerConfig(
                List.of(new Principal.User(1000), new Principal.User(33)),
                List.of(),
                List.of(),
                BrokerConfig.Limits.DEFAULT,
                new TreeMap<>())));
    adopt(caller(5, 50), "nginx");
    assertRefused(caller(5, 50), new Refusal.NotPermitted("nginx", "adopt"));
    adopt(new Caller(6, 62, 33, 33, List.of()), "nginx");
    assertThat(lives.answer(6, Answer.AdoptedListener.class).lease()).isNotNull();
  }

  @Test
  void needsAFreeNameAndAFreeEndpoint() {
    lives.listen("web", listener("8080"));
    adopt(ROOT, "web");
    assertRefused(ROOT, new Refusal.Conflict("web", "web"));
    adopt(ROOT, "nginx");
    adopt(ROOT, "again");
    assertRefused(ROOT, new Refusal.Conflict("again", "nginx"));
  }

  @Test
  void mayHaveTheNameOfAStoppedOne() {
    lives.apply(new Event.Listen(ROOT, name("nginx"), listener("0")));
    adopt(ROOT, "nginx");
    assertThat(lives.view("nginx").state()).isEqualTo("listening");
  }

  @Test
  void waitsForABindAndIsClosedWhenItsOperatorIsGone() {
    lives.apply(new Event.Listen(ROOT, name("web"), listener("8080")));
    adopt(new Caller(4, 63, 0, 0, List.of()), "nginx");
    assertThat(lives.effects).isEmpty();
    lives.apply(new Event.ConnectionClosed(4));
    assertThat(lives.of(Effect.CloseSocket.class)).hasSize(1);
  }

  @Test
  void belongsToTheConfigurationThatNamesItsEndpoint() {
    adopt(ROOT, "nginx");
    TreeMap<ListenerName, ListenerConfig> listeners = new TreeMap<>();
    ListenerConfig refusing = listener("80", IdlePolicy.REFUSE);
    listeners.put(name("nginx"), refusing);
    BrokerConfig config =
        new BrokerConfig(List.of(), List.of(), List.of(), BrokerConfig.Limits.DEFAULT, listeners);
    lives.apply(new Event.Configured(ROOT.connection(), config));
    assertThat(lives.answer(ROOT.connection(), Answer.Reloaded.class).listeners().changed())
        .containsExactly("nginx");
    assertThat(lives.of(Effect.Bind.class)).isEmpty();
    assertThat(lives.view("nginx").config()).isEqualTo(refusing);
    listeners.put(name("nginx"), listener("81"));
    assertThat(lives.state.config().listeners()).containsEntry(name("nginx"), refusing);
  }

  @Test
  void conflictsWithAConfigurationThatNamesAnotherEndpoint() {
    adopt(ROOT, "nginx");
    TreeMap<ListenerName, ListenerConfig> listeners = new TreeMap<>();
    listeners.put(name("nginx"), listener("81"));
    lives.apply(
        new Event.Configured(
            ROOT.connection(),
            new BrokerConfig(
                List.of(), List.of(), List.of(), BrokerConfig.Limits.DEFAULT, listeners)));
    assertThat(lives.answer(ROOT.connection(), Answer.Refused.class).refusal())
        .isEqualTo(new Refusal.Conflict("nginx", "nginx"));
  }

  @Test
  void isKnownAgainAfterACrash() {
    adopt(ROOT, "nginx");
    LeaseId lease = lives.answer(ROOT.connection(), Answer.AdoptedListener.class).lease();
    lives.apply(new Event.Renewed(Lives.socket(TAKEN.id(), "tcp:0.0.0.0:80")));
    lives.sockets.add(TAKEN.id());
    lives.leases.add(lease);
    lives.die();
    lives.resume();
    lives.apply(new Event.Drain(ROOT, lease, Optional.of(lives.now.plus(Duration.ofHours(1)))));
    assertThat(lives.of(Effect.StopHolder.class)).hasSize(1);
  }
}
