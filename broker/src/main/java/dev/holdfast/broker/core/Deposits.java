package dev.holdfast.broker.core;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What callers stored by name: who did, and under which number the descriptor is kept. Touched by
 * the thread that owns the state only.
 */
final class Deposits {

  private record Deposit(String name, String kind, int uid, long descriptor) {}

  private final Map<String, Deposit> deposits = new TreeMap<>();
  private final Outbox out;
  private final Rights rights;

  Deposits(Outbox out, Rights rights) {
    this.out = out;
    this.rights = rights;
  }

  int count() {
    return deposits.size();
  }

  List<Answer.StoredView> views() {
    return deposits.values().stream()
        .map(each -> new Answer.StoredView(each.name(), each.kind(), each.uid()))
        .toList();
  }

  private static Entry.Key key(String name) {
    return new Entry.Key(Entry.Kind.DEPOSIT, name);
  }

  List<Entry> entries() {
    return deposits.values().stream().<Entry>map(Deposits::entry).toList();
  }

  Optional<Entry> entry(String name) {
    return Optional.ofNullable(deposits.get(name)).map(Deposits::entry);
  }

  private static Entry.OfDeposit entry(Deposit each) {
    return new Entry.OfDeposit(each.name(), each.kind(), each.uid(), each.descriptor());
  }

  /** Knows one again that another broker kept, and whose descriptor is there. */
  void remember(Entry.OfDeposit entry) {
    deposits.put(
        entry.name(), new Deposit(entry.name(), entry.kind(), entry.uid(), entry.descriptor()));
    out.touch(entry.key());
  }

  void store(Event.Store request, BrokerConfig config) {
    Caller caller = request.caller();
    Deposit existing = deposits.get(request.name());
    if (!rights.allows(caller, config.store())
        || (existing != null && existing.uid() != caller.uid() && !rights.isPrivileged(caller))) {
      out.add(new Effect.DiscardDescriptor(request.descriptor()));
      out.refuse(caller, new Refusal.NotPermitted(request.name(), "store"));
      return;
    }
    if (existing == null && deposits.size() >= config.limits().stored()) {
      out.add(new Effect.DiscardDescriptor(request.descriptor()));
      out.refuse(caller, new Refusal.LimitReached("stored", config.limits().stored()));
      return;
    }
    out.touch(key(request.name()));
    deposits.put(
        request.name(),
        new Deposit(request.name(), request.kind(), caller.uid(), request.descriptor()));
    if (existing != null) {
      out.add(new Effect.DiscardDescriptor(existing.descriptor()));
    }
    out.done(caller);
    out.notice(
        Notice.Kind.STORED,
        request.name(),
        null,
        request.kind() + " uid=" + Integer.toUnsignedString(caller.uid()));
  }

  void retrieve(Event.Retrieve request, BrokerConfig config) {
    Caller caller = request.caller();
    if (!rights.allows(caller, config.retrieve())) {
      out.refuse(caller, new Refusal.NotPermitted(request.name(), "retrieve"));
      return;
    }
    Deposit existing = deposits.get(request.name());
    if (existing == null) {
      out.refuse(caller, new Refusal.NoSuchDescriptor(request.name()));
      return;
    }
    if (request.remove()) {
      deposits.remove(request.name());
      out.touch(key(request.name()));
      out.notice(
          Notice.Kind.REMOVED,
          request.name(),
          null,
          "retrieved by uid=" + Integer.toUnsignedString(caller.uid()));
    }
    out.add(
        new Effect.Reply(
            caller.connection(), new Answer.Retrieved(existing.descriptor(), request.remove())));
  }
}
