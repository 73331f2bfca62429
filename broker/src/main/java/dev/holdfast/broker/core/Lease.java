package dev.holdfast.broker.core;

import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A worker's hold on listeners. Touched by the thread that owns the state only. */
final class Lease {

  private final LeaseId id;
  private Event.Acquire request;
  private final Instant since;
  private final Set<Long> awaiting = new LinkedHashSet<>(2);
  private LeaseState state = LeaseState.WARMING;
  private Optional<Instant> deadline = Optional.empty();
  private final long worker;
  private int pid;
  private final Set<ListenerName> former = new LinkedHashSet<>(2);

  /** The holder was sent its stop signal, or told by the drain that it waited for. */
  boolean asked;

  /**
   * The holder waits to be told of a drain. While nobody is {@link #awaiting}, that was said to a
   * broker that has died, and the holder is about to say it again.
   */
  boolean awaited;

  /** Its process is followed: by its pidfd, or as a worker's. */
  boolean followed;

  /** The lease of somebody who asked for it. */
  Lease(LeaseId id, Event.Acquire request, Instant since) {
    this(id, request, since, 0);
  }

  /**
   * A lease.
   *
   * @param worker the supervised worker that it was made for, or 0
   */
  Lease(LeaseId id, Event.Acquire request, Instant since, long worker) {
    this.id = id;
    this.request = request;
    this.since = since;
    this.worker = worker;
    this.pid = request.caller().pid();
    this.followed = worker != 0 || request.hold() == Hold.PROCESS;
  }

  /** One that another broker kept; whether it is followed again is not known yet. */
  Lease(Entry.OfLease entry) {
    this(entry.lease(), entry.request(), entry.since(), entry.worker());
    this.pid = entry.pid();
    this.state = entry.state();
    this.deadline = entry.deadline();
    this.asked = entry.asked();
    this.awaited = entry.awaited();
    this.former.addAll(entry.former());
    this.followed = worker != 0;
  }

  Entry.Key key() {
    return new Entry.Key(Entry.Kind.LEASE, id.value());
  }

  Entry.OfLease entry() {
    return new Entry.OfLease(
        id, request, worker, pid, state, deadline, since, asked, awaited, List.copyOf(former));
  }

  /** Those of its listeners that have been bound anew since: it holds the sockets before. */
  Set<ListenerName> former() {
    return former;
  }

  /** The holder has this connection now; {@link Outbox#GONE} for none. */
  void heldThrough(long connection) {
    Caller by = request.caller();
    request =
        new Event.Acquire(
            new Caller(connection, by.pid(), by.uid(), by.gid(), by.groups()),
            request.names(),
            request.hold(),
            request.service(),
            request.replace(),
            request.program(),
            request.stopSignal());
  }

  long worker() {
    return worker;
  }

  /** Of a process that was made for the lease after it. */
  void heldBy(int process) {
    pid = process;
  }

  /** Whether it is looked at to see when it is ready, and has a notify socket. */
  boolean isOfProgram() {
    return request.program();
  }

  /** What asks the holder to finish; 0 for nothing. */
  int stopSignal() {
    return request.stopSignal();
  }

  LeaseId id() {
    return id;
  }

  int pid() {
    return pid;
  }

  int uid() {
    return request.caller().uid();
  }

  long connection() {
    return request.caller().connection();
  }

  Hold hold() {
    return request.hold();
  }

  List<ListenerName> names() {
    return request.names();
  }

  @Nullable String service() {
    return request.service();
  }

  boolean replaces() {
    return request.replace();
  }

  LeaseState state() {
    return state;
  }

  /** When a draining lease is revoked; empty while it is not, or where nobody set an end. */
  Optional<Instant> deadline() {
    return deadline;
  }

  /** The connections that wait for this lease's next state. */
  Set<Long> awaiting() {
    return awaiting;
  }

  boolean become(LeaseState next, Optional<Instant> until) {
    if (!state.mayBecome(next)) {
      return false;
    }
    state = next;
    deadline = until;
    return true;
  }

  Answer.State answer() {
    return new Answer.State(state, deadline, state == LeaseState.REVOKED);
  }

  Answer.LeaseView view() {
    return new Answer.LeaseView(id, names(), pid(), uid(), service(), state, hold(), since);
  }

  /** For a line of the log. */
  String describe() {
    return "pid=" + pid() + " uid=" + Integer.toUnsignedString(uid());
  }
}
