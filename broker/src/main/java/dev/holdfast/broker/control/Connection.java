package dev.holdfast.broker.control;

import dev.holdfast.broker.core.Caller;
import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.fd.Watcher;
import dev.holdfast.varlink.ByteSink;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.DeclaredDescriptors;
import dev.holdfast.varlink.DescriptorQueue;
import dev.holdfast.varlink.FrameReader;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.ProtocolException;
import dev.holdfast.varlink.Reply;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One peer: its bytes become calls, replies become bytes. Owns its socket and the descriptors that
 * wait on it. Never blocks: what the peer does not take now is kept, up to a bound, until it does
 * or its time is over.
 */
final class Connection implements Watcher {

  /** What a peer may leave unread before it loses the connection. */
  private static final int MOST_UNREAD = 4 << 20;

  /** Replies of a stream that wait for the one before them to be read. */
  private static final int MOST_LATER = 10_000;

  /**
   * Calls that may wait when the connection is handed over: a successor's state knows of them. The
   * others are answered soon.
   */
  private static final Set<String> WAIT_LONG =
      Set.of(
          "dev.holdfast.Worker.Await",
          "dev.holdfast.Control.Watch",
          "dev.holdfast.Control.Restart",
          "dev.holdfast.Control.Scale",
          "dev.holdfast.Control.Stop",
          "dev.holdfast.Control.Start",
          "dev.holdfast.Control.Upgrade",
          Conversation.METHOD);

  private static final int FRAME_LIMIT = 1 << 20;
  private static final int FRAME_LIMIT_WITHOUT_RIGHTS = 64 << 10;

  /** What a peer can expect. */
  enum State {
    IDLE,
    ANSWERING, // a call waits for its reply
    STREAMING, // a call with more was answered, and goes on
    CLOSED
  }

  private final long id;
  private final UnixSocket socket;
  private final Caller caller;
  private final Connections connections;
  private final FrameReader frames = new FrameReader(FRAME_LIMIT_WITHOUT_RIGHTS);
  private final DescriptorQueue descriptors;
  private final Deque<Supplier<Reply>> later = new ArrayDeque<>(0);
  private State state = State.IDLE;
  private @Nullable Call call;
  private boolean called; // whether a whole call has ever come
  private boolean registered;
  private boolean ended; // the peer has sent all that it ever will
  private @Nullable ByteSink unsent;
  private int unsentFrom;
  private @Nullable Pidfd pidfd;
  private @Nullable Continuation continuation;
  private boolean dispatching;
  private int held; // bytes, as last told to connections
  private int heldDescriptors; // the same
  private boolean conversing; // with a successor, who keeps this connection for itself

  Connection(long id, UnixSocket moved, Caller caller, Connections connections) {
    this.id = id;
    this.socket = moved;
    this.caller = caller;
    this.connections = connections;
    this.descriptors =
        new DescriptorQueue(DeclaredDescriptors.MOST, connections.closing()::discard);
  }

  /** One of an earlier broker's. */
  Connection(HandedConnection handed, UnixSocket moved, Connections connections) {
    this(handed.caller().connection(), moved, handed.caller(), connections);
    state = handed.state();
    call = handed.call();
    called = handed.called();
    byte[] received = handed.received();
    if (received.length > frames.limit()) {
      frames.limit(FRAME_LIMIT); // it was within what it may send
    }
    try {
      frames.feed(ByteBuffer.wrap(received));
    } catch (ProtocolException e) {
      throw new IllegalArgumentException("connection " + id + ": " + e.getMessage(), e);
    }
    byte[] rest = handed.unsent();
    if (rest.length > 0) {
      ByteSink sink = new ByteSink(rest.length);
      sink.append(ByteBuffer.wrap(rest));
      unsent = sink;
    }
  }

  long id() {
    return id;
  }

  Caller caller() {
    return caller;
  }

  /** The call that is being answered; null when there is none. */
  @Nullable Call call() {
    return call;
  }

  boolean isOpen() {
    return state != State.CLOSED;
  }

  boolean hasCalled() {
    return called;
  }

  /** The sockets that an Acquire has not passed yet, since a message carries 32 at most. */
  @Nullable Continuation continuation() {
    return continuation;
  }

  void continueWith(@Nullable Continuation next) {
    continuation = next;
  }

  /** The process behind, kept until {@link #takePidfd}; empty when it is gone. */
  boolean preparePidfd() throws ErrnoException {
    if (pidfd == null) {
      pidfd = socket.peerPidfd(caller.pid()).orElse(null);
    }
    return pidfd != null;
  }

  /** Moves the process's pidfd to the caller of this. */
  Optional<Pidfd> takePidfd() {
    Pidfd taken = pidfd;
    pidfd = null;
    return Optional.ofNullable(taken);
  }

  /** Registers with the poller, unless the peer was quick enough to be served and gone before. */
  void register(Poller poller) throws ErrnoException {
    if (state != State.CLOSED && !registered) {
      poller.add(socket.fd(), interest(), this);
      registered = true;
      settle(); // one of an earlier broker's may have something unsent
    }
  }

  private int interest() {
    return unsent == null ? Poller.READABLE : Poller.READABLE | Poller.WRITABLE;
  }

  @Override
  public void ready(int events) {
    if ((events & Poller.WRITABLE) != 0) {
      flush();
    }
    if ((events & ~Poller.WRITABLE) != 0 && state != State.CLOSED) {
      read();
    }
  }

  /** Reads what is there and hands on the calls in it. */
  void read() {
    if (state == State.CLOSED) {
      return;
    }
    try {
      ByteBuffer room = connections.room();
      int got = socket.receive(room, descriptors::add);
      if (got < 0) {
        ended = true;
        close(frames.waiting() > 0 ? "ended within a frame" : null);
        return;
      }
      if (got > 0) {
        if (frames.limit() < FRAME_LIMIT && frames.waiting() + got > frames.limit()) {
          // Looked at only now: it takes a walk through all listeners.
          frames.limit(connections.hasAnyRight(caller) ? FRAME_LIMIT : FRAME_LIMIT_WITHOUT_RIGHTS);
        }
        frames.feed(room.flip());
        requireTurn();
        dispatch();
      }
    } catch (IOException e) {
      fail(e);
    } catch (RuntimeException e) {
      closeForBug(e);
    }
  }

  /** A bug of ours must cost the peer that found it its connection, and nobody else anything. */
  private void closeForBug(RuntimeException bug) {
    connections.warn("internal error, please report it: " + bug);
    close("internal error");
  }

  /** A peer may say something when all that it was told has at least left for it. */
  private void requireTurn() throws ProtocolException {
    Call underWay = call;
    boolean unanswered = state == State.STREAMING || (underWay != null && !underWay.oneway());
    if (unanswered || unsent != null || !later.isEmpty()) {
      throw new ProtocolException("a call before the one under way was answered");
    }
    if (underWay != null && frames.waiting() > frames.limit()) {
      throw new ProtocolException("too much behind a call that is not done yet");
    }
  }

  /** Hands on one call after the other, each when the one before is done. */
  private void dispatch() throws IOException {
    if (dispatching) {
      return; // a call was answered at once; the loop below goes on
    }
    dispatching = true;
    try {
      ByteBuffer frame = state == State.IDLE ? frames.next() : null;
      while (frame != null) {
        Call next = Call.parse(Json.parse(frame, Json.Limits.DEFAULT));
        called = true;
        if (!next.oneway() && frames.waiting() > 0) {
          throw new ProtocolException("a second call before the first was answered");
        }
        state = State.ANSWERING;
        call = next;
        connections.dispatch(this, next, descriptors);
        frame = state == State.IDLE ? frames.next() : null;
      }
    } finally {
      dispatching = false;
    }
    if (state != State.CLOSED) {
      frames.trim();
      settle();
    }
  }

  /** Tells what is kept for the peer now, and whether it has to do something about it. */
  private void settle() {
    boolean stalls = unsent != null || (state == State.IDLE && frames.waiting() > 0);
    connections.stalls(this, stalls);
    ByteSink rest = unsent;
    int now = frames.waiting() + (rest == null ? 0 : rest.length());
    int before = held;
    held = now;
    if (!connections.held().change(caller.uid(), before, now)) {
      close("unfinished frames and unread replies of its user are too large together");
      return;
    }
    int waiting = descriptors.size();
    int waited = heldDescriptors;
    heldDescriptors = waiting;
    if (!connections.held().changeDescriptors(caller.uid(), waited, waiting)) {
      close("descriptors of unfinished frames of its user are too many together");
    }
  }

  /**
   * Answers the call that waits. Borrows the descriptors, which go with the first byte.
   *
   * @return false when the peer is gone, or the descriptors could not be sent: then the connection
   *     is closed
   */
  boolean reply(Reply reply, List<OwnedFd> borrowed) {
    Call answered = call;
    if (state == State.CLOSED || (answered == null && state != State.STREAMING)) {
      return false;
    }
    if (reply.continues()) {
      state = State.STREAMING;
    } else {
      state = State.IDLE;
      call = null;
    }
    if (answered != null && answered.oneway()) {
      goOn();
      return borrowed.isEmpty();
    }
    if (!later.isEmpty()) {
      return sendLater(() -> reply);
    }
    return send(reply, borrowed);
  }

  /**
   * Answers the call that waits with several replies. Each is made when the one before has gone, so
   * that a long list neither fills the memory nor holds up other peers.
   */
  void replyEach(List<Supplier<Reply>> replies) {
    if (state == State.CLOSED || call == null) {
      return;
    }
    for (Supplier<Reply> each : replies) {
      if (!sendLater(each)) {
        return;
      }
    }
    sendWaiting();
  }

  private boolean sendLater(Supplier<Reply> reply) {
    if (later.size() >= MOST_LATER) {
      close("does not read its replies");
      return false;
    }
    later.add(reply);
    return true;
  }

  private void sendWaiting() {
    while (state != State.CLOSED && unsent == null && !later.isEmpty()) {
      Reply reply = later.remove().get();
      if (later.isEmpty()) {
        boolean unused = reply(reply, List.of());
      } else {
        state = State.STREAMING;
        boolean unused = send(reply, List.of());
      }
    }
  }

  /** Takes the calls that came behind one that wants no reply. */
  private void goOn() {
    if (frames.waiting() > 0) {
      try {
        dispatch();
      } catch (IOException e) {
        close(e.getMessage());
      } catch (RuntimeException e) {
        closeForBug(e);
      }
    }
  }

  private boolean send(Reply reply, List<OwnedFd> borrowed) {
    ByteSink waiting = unsent;
    if (waiting != null) {
      if (!borrowed.isEmpty() || waiting.length() - unsentFrom > MOST_UNREAD) {
        close("does not read its replies");
        return false;
      }
      Json.writeFrame(reply.toJson(), waiting);
      settle();
      return state != State.CLOSED;
    }
    ByteSink sink = connections.sink();
    Json.writeFrame(reply.toJson(), sink);
    ByteBuffer bytes = sink.view();
    try {
      int sent = socket.send(bytes, borrowed);
      if (sent == 0 && !borrowed.isEmpty()) {
        close("does not read its replies");
        return false;
      }
      while (sent > 0 && bytes.hasRemaining()) {
        sent = socket.send(bytes, List.of());
      }
      if (bytes.hasRemaining()) {
        keep(bytes);
      }
      return state != State.CLOSED;
    } catch (IOException e) {
      fail(e);
      return false;
    }
  }

  private void keep(ByteBuffer bytes) {
    ByteSink rest = new ByteSink(bytes.remaining());
    rest.append(bytes);
    unsent = rest;
    unsentFrom = 0;
    wantWritable();
    settle();
  }

  private void wantWritable() {
    if (registered) {
      try {
        connections.poller().modify(socket.fd(), interest());
      } catch (ErrnoException e) {
        close(e.getMessage());
      }
    }
  }

  private void flush() {
    ByteSink rest = unsent;
    if (rest == null) {
      return;
    }
    try {
      ByteBuffer bytes = rest.view();
      bytes.position(unsentFrom);
      int sent = 1;
      while (sent > 0 && bytes.hasRemaining()) {
        sent = socket.send(bytes, List.of());
      }
      boolean moved = bytes.position() > unsentFrom;
      unsentFrom = bytes.position();
      if (!bytes.hasRemaining()) {
        unsent = null;
        wantWritable();
        settle();
        sendWaiting();
      } else if (moved) {
        connections.moves(this); // it reads, if slowly
      }
    } catch (IOException e) {
      fail(e);
    } catch (RuntimeException e) {
      closeForBug(e);
    }
  }

  private void forgetHeld() {
    boolean unused = connections.held().change(caller.uid(), held, 0);
    held = 0;
    unused = connections.held().changeDescriptors(caller.uid(), heldDescriptors, 0);
    heldDescriptors = 0;
  }

  // ---- a successor

  /** Its socket, borrowed. */
  OwnedFd descriptor() {
    return socket.fd();
  }

  /** Whether nothing is under way that a successor could not go on with. */
  boolean isQuiet() {
    Call waiting = call;
    return continuation == null
        && later.isEmpty()
        && descriptors.size() == 0
        && (waiting == null || WAIT_LONG.contains(waiting.method()));
  }

  /** What a successor has to know of it; empty where it could not go on with it. */
  Optional<HandedConnection> handOver() {
    if (state == State.CLOSED || conversing || !isQuiet()) {
      return Optional.empty();
    }
    ByteSink rest = unsent;
    ByteBuffer unread = rest == null ? ByteBuffer.allocate(0) : rest.view();
    unread.position(rest == null ? 0 : unsentFrom);
    ByteBuffer received = frames.peek();
    if (unread.remaining() + received.remaining() > HandedConnection.MOST_BYTES) {
      return Optional.empty();
    }
    return Optional.of(
        new HandedConnection(
            caller,
            state,
            called,
            call,
            HandedConnection.text(received),
            HandedConnection.text(unread)));
  }

  /** Closes our descriptor; a successor has the connection, and the peer notices nothing. */
  void letGo() {
    if (state == State.CLOSED) {
      return;
    }
    state = State.CLOSED;
    forgetHeld();
    later.clear();
    descriptors.close();
    takePidfd().ifPresent(Pidfd::close);
    unregister();
    socket.close(); // and no shutdown(2), which would end it for the successor too
  }

  /** Has nobody else get this connection, nor anything be read from it but by the one who asks. */
  void beginConversation() {
    conversing = true;
  }

  /** Waits for the next call, and hands it to nobody else. */
  Call awaitCall(Duration atMost) throws IOException {
    try {
      return receiveCall(atMost);
    } catch (ErrnoException e) {
      throw endOr(e);
    }
  }

  private static IOException endOr(ErrnoException problem) {
    return isGone(problem) ? new EOFException("it closed the connection") : problem;
  }

  private Call receiveCall(Duration atMost) throws IOException {
    long deadline = System.nanoTime() + atMost.toNanos();
    ByteBuffer frame = frames.next();
    while (frame == null) {
      awaitReadable(deadline, atMost);
      ByteBuffer room = connections.room();
      int got = socket.receive(room, descriptors::add);
      if (got < 0) {
        throw new EOFException("it closed the connection");
      }
      descriptors.requireEmpty();
      frames.feed(room.flip());
      frame = frames.next();
    }
    Call next = Call.parse(Json.parse(frame, Json.Limits.DEFAULT));
    if (frames.waiting() > 0) {
      throw new ProtocolException("a second call before the first was answered");
    }
    state = State.ANSWERING;
    call = next;
    return next;
  }

  private void awaitReadable(long deadline, Duration atMost) throws IOException {
    if (!socket.awaitReadable(left(deadline))) {
      throw new SocketTimeoutException("it said nothing for " + atMost.toMillis() + " ms");
    }
  }

  private static Duration left(long deadline) {
    return Duration.ofNanos(Math.max(0, deadline - System.nanoTime()));
  }

  /** Answers the call that waits, and waits until all of the answer has left. */
  void sendWhole(Reply reply, List<OwnedFd> borrowed, Duration atMost) throws IOException {
    long deadline = System.nanoTime() + atMost.toNanos();
    if (state != State.ANSWERING || unsent != null) {
      throw new IllegalStateException("no call waits for an answer");
    }
    ByteSink sink = connections.sink();
    Json.writeFrame(reply.toJson(), sink);
    ByteBuffer bytes = sink.view();
    List<OwnedFd> going = borrowed;
    try {
      while (bytes.hasRemaining()) {
        if (socket.send(bytes, going) > 0) {
          going = List.of(); // they went with the first byte
        } else if (!socket.awaitWritable(left(deadline))) {
          throw new SocketTimeoutException("it read nothing for " + atMost.toMillis() + " ms");
        }
      }
    } catch (ErrnoException e) {
      throw endOr(e);
    }
    state = State.IDLE;
    call = null;
  }

  // ---- the end

  /** Closes after a failure; a peer that just went away, killed perhaps, is none. */
  private void fail(IOException problem) {
    close(isGone(problem) ? null : problem.getMessage());
  }

  private static boolean isGone(IOException problem) {
    return problem instanceof ErrnoException errno
        && (errno.is(Errno.EPIPE) || errno.is(Errno.ECONNRESET));
  }

  private void unregister() {
    if (registered) {
      try {
        connections.poller().remove(socket.fd());
      } catch (ErrnoException e) {
        connections.warn("closing a control connection: " + e.getMessage());
      }
    }
  }

  /**
   * Closes the connection and whatever waits on it; the second time it does nothing.
   *
   * @param reason why we do it; null when the peer did
   */
  void close(@Nullable String reason) {
    if (state == State.CLOSED) {
      return;
    }
    state = State.CLOSED;
    forgetHeld();
    later.clear();
    descriptors.close();
    takePidfd().ifPresent(Pidfd::close);
    if (ended) {
      if (registered) {
        connections.poller().forget(socket.fd());
      }
      socket.close(); // nothing is in its queue
    } else {
      // It stays open for a while: epoll must not go on telling of it.
      unregister();
      connections.closing().close(socket);
    }
    connections.closed(this, reason);
  }
}
