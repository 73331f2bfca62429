package dev.holdfast.broker.core;

import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the event that is being applied comes to: its effects in order, and its moment. Those who
 * watch are told of every notice.
 */
final class Outbox {

  /** Stands for who asked, once that connection is gone: nobody is told. */
  static final long GONE = -1;

  private final Set<Long> watchers = new LinkedHashSet<>();
  private Set<Entry.Key> touched = new LinkedHashSet<>();
  private List<Effect> effects = new ArrayList<>();
  private Instant now = Instant.EPOCH;

  /** An entry may have changed, come or gone. */
  void touch(Entry.Key key) {
    touched.add(key);
  }

  Set<Entry.Key> takeTouched() {
    Set<Entry.Key> taken = touched;
    touched = new LinkedHashSet<>();
    return taken;
  }

  Set<Long> watchers() {
    return watchers;
  }

  void begin(Instant moment, int expected) {
    now = moment;
    effects = new ArrayList<>(expected);
  }

  List<Effect> effects() {
    return effects;
  }

  Instant now() {
    return now;
  }

  void watch(long connection) {
    watchers.add(connection);
  }

  void unwatch(long connection) {
    watchers.remove(connection);
  }

  void add(Effect effect) {
    effects.add(effect);
  }

  void done(Caller caller) {
    reply(caller.connection(), new Answer.Done());
  }

  void refuse(Caller caller, Refusal refusal) {
    refuse(caller.connection(), refusal);
  }

  void refuse(long connection, Refusal refusal) {
    reply(connection, new Answer.Refused(refusal));
  }

  void reply(long connection, Answer answer) {
    if (connection != GONE) {
      effects.add(new Effect.Reply(connection, answer));
    }
  }

  void notice(Notice.Kind kind, @Nullable String name, @Nullable String lease, String message) {
    Notice notice = new Notice(kind, name, lease, message, now);
    effects.add(new Effect.Log(notice));
    for (long watcher : watchers) {
      effects.add(new Effect.Reply(watcher, new Answer.Happened(notice)));
    }
  }
}
