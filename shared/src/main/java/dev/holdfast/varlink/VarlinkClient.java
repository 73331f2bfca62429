package dev.holdfast.varlink;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixSocket;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A blocking client: one connection, one call outstanding.
 *
 * <p>A refusal by the service is a {@link VarlinkException} and leaves the connection usable. Any
 * other exception of a call closes it, a timeout too, because a late reply would be taken for the
 * reply to the next call. Descriptors that came with a reply which is not accepted are closed.
 *
 * <p>One thread at a time, except {@link #close()}: it may be called by any thread and more than
 * once, and wakes a thread that waits here.
 */
public final class VarlinkClient implements AutoCloseable {
  /** Both sides' limit for a frame. */
  static final int FRAME_LIMIT = 1 << 20;

  private static final int RECEIVE_AT_ONCE = 8 * 1024;

  /** A call is far smaller than a socket's buffer: who needs this long has a peer that is stuck. */
  private static final Duration SENDING_A_STREAM_CALL = Duration.ofSeconds(10);

  private final UnixSocket socket;
  private final FrameReader frames = new FrameReader(FRAME_LIMIT);
  private final DescriptorQueue descriptors = new DescriptorQueue();
  private final ByteSink outgoing = new ByteSink(256);
  private final ByteBuffer incoming = ByteBuffer.allocate(RECEIVE_AT_ONCE);

  /**
   * Held during each operation, so that the descriptor's number is given up only when nobody uses
   * it: a wait in poll(2) is woken by shutdown(2), and the woken thread then closes.
   */
  private final ReentrantLock use = new ReentrantLock();

  private final Object closing = new Object();
  private volatile boolean closed; // Set by any thread, read by the one that uses the client.
  private @Nullable ReplyStream stream;

  private VarlinkClient(UnixSocket socket) {
    this.socket = socket;
  }

  /**
   * Connects to a service.
   *
   * @throws IOException with the errno: ENOENT or ECONNREFUSED where nobody listens
   */
  public static VarlinkClient connect(UnixAddress address) throws IOException {
    UnixSocket socket = UnixSocket.connect(address);
    try {
      return over(socket);
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /** Speaks over a connected socket; takes it over on success, and makes it non-blocking. */
  public static VarlinkClient over(UnixSocket moved) throws IOException {
    moved.setNonBlocking(true);
    return new VarlinkClient(moved);
  }

  /** {@link #call(String, JsonObject, List, Duration)} without descriptors. */
  public Answer call(String method, JsonObject parameters, @Nullable Duration timeout)
      throws IOException, VarlinkException {
    return call(method, parameters, List.of(), timeout);
  }

  /**
   * Calls and waits for the reply.
   *
   * @param borrowed go with the call; they stay the caller's, and have to be what {@code
   *     parameters} declare by {@code fileDescriptorIndex}
   * @param timeout for all of it, null to wait for ever
   * @return the caller owns its descriptors
   * @throws VarlinkException if the service refuses
   * @throws SocketTimeoutException if there is no complete reply in time
   * @throws ProtocolException if the service breaks the protocol
   * @throws EOFException if the service closes the connection
   */
  public Answer call(
      String method, JsonObject parameters, List<OwnedFd> borrowed, @Nullable Duration timeout)
      throws IOException, VarlinkException {
    begin();
    boolean sound = false;
    try {
      Deadline deadline = Deadline.in(timeout);
      send(Call.of(method, parameters), borrowed, deadline);
      Reply reply = receive(deadline);
      if (reply == null) {
        throw new SocketTimeoutException("call " + method + ": no reply within " + timeout);
      }
      if (reply.continues()) {
        throw new ProtocolException("call " + method + ": several replies without more");
      }
      requireSilence(method);
      if (reply.error() != null) {
        descriptors.requireEmpty();
        sound = true;
        throw new VarlinkException(reply.error(), reply.parameters());
      }
      List<OwnedFd> taken = descriptors.takeExactly(DeclaredDescriptors.count(reply.parameters()));
      sound = true;
      return new Answer(reply.parameters(), taken);
    } finally {
      end(sound);
    }
  }

  /** Calls without wanting a reply; returns when the kernel has the call. */
  public void oneway(String method, JsonObject parameters, @Nullable Duration timeout)
      throws IOException {
    begin();
    boolean sound = false;
    try {
      send(Call.oneway(method, parameters), List.of(), Deadline.in(timeout));
      sound = true;
    } finally {
      end(sound);
    }
  }

  /**
   * Calls with {@code more}. Until the stream has ended this connection takes no other call. Sends,
   * and does not wait for the first reply.
   */
  public ReplyStream stream(String method, JsonObject parameters) throws IOException {
    begin();
    boolean sound = false;
    try {
      send(Call.more(method, parameters), List.of(), Deadline.in(SENDING_A_STREAM_CALL));
      ReplyStream replies = new ReplyStream(this, method);
      stream = replies;
      sound = true;
      return replies;
    } finally {
      end(sound);
    }
  }

  /**
   * Asks the service what an interface is.
   *
   * @throws ProtocolException if the answer is no interface description
   */
  public InterfaceDescription describe(String interfaceName, @Nullable Duration timeout)
      throws IOException, VarlinkException {
    String method = "org.varlink.service.GetInterfaceDescription";
    try (Answer answer = call(method, JsonObject.of("interface", interfaceName), timeout)) {
      return InterfaceDescription.parse(answer.parameters().string("description"));
    } catch (IllegalArgumentException e) {
      close();
      throw new ProtocolException(method + " " + interfaceName + ": " + e.getMessage());
    }
  }

  /** The next reply of the stream, or null if there is none in time. */
  @Nullable Reply nextOf(String method, @Nullable Duration atMost) throws IOException {
    enter();
    boolean sound = false;
    try {
      Reply reply = receive(Deadline.in(atMost));
      // Holds also between replies: none of a stream's messages may carry any.
      descriptors.requireEmpty();
      if (reply != null && DeclaredDescriptors.count(reply.parameters()) > 0) {
        throw new ProtocolException("call " + method + ": descriptors in a stream");
      }
      if (reply != null && !reply.continues()) {
        requireSilence(method);
        stream = null;
      }
      sound = true;
      return reply;
    } finally {
      end(sound);
    }
  }

  private void send(Call call, List<OwnedFd> borrowed, Deadline deadline) throws IOException {
    if (DeclaredDescriptors.count(call.parameters()) != borrowed.size()) {
      throw new IllegalArgumentException(
          "call " + call.method() + ": " + borrowed.size() + " descriptors, other than declared");
    }
    outgoing.clear();
    Json.writeFrame(call.toJson(), outgoing);
    if (outgoing.length() > FRAME_LIMIT) {
      throw new IllegalArgumentException(
          "call "
              + call.method()
              + ": "
              + outgoing.length()
              + " bytes, more than a frame may have");
    }
    ByteBuffer bytes = outgoing.view();
    List<OwnedFd> toSend = borrowed;
    while (bytes.hasRemaining()) {
      if (socket.send(bytes, toSend) > 0) {
        toSend = List.of();
      } else if (!socket.awaitWritable(deadline.left())) {
        throw new SocketTimeoutException("call " + call.method() + ": the service does not read");
      }
    }
  }

  private @Nullable Reply receive(Deadline deadline) throws IOException {
    while (true) {
      ByteBuffer frame = frames.next();
      if (frame != null) {
        return Reply.parse(Json.parse(frame, Json.Limits.DEFAULT));
      }
      if (!socket.awaitReadable(deadline.left())) {
        return null;
      }
      int count = socket.receive(incoming.clear(), descriptors::add);
      if (count < 0) {
        throw closed ? isClosed() : new EOFException("the service closed the connection");
      }
      frames.feed(incoming.flip());
    }
  }

  private void requireSilence(String method) throws ProtocolException {
    if (frames.waiting() > 0) {
      throw new ProtocolException("call " + method + ": the service went on after the last reply");
    }
  }

  private void begin() throws IOException {
    if (stream != null) {
      throw new IllegalStateException("a stream is open on this connection");
    }
    enter();
  }

  private void enter() throws IOException {
    if (!use.tryLock()) {
      if (closed) {
        throw isClosed(); // The closing thread has the lock.
      }
      throw new IllegalStateException("another thread uses this connection");
    }
    if (closed) {
      use.unlock();
      giveUp(); // The closing thread may have found the lock taken, by us, just now.
      throw isClosed();
    }
  }

  private void end(boolean sound) {
    if (!sound) {
      closed = true;
      descriptors.close();
    }
    use.unlock();
    if (closed) {
      giveUp();
    }
  }

  private static SocketException isClosed() {
    return new SocketException("the connection is closed");
  }

  /** True until this connection was closed, by {@link #close()} or by a failure. */
  public boolean isOpen() {
    return !closed;
  }

  @Override
  public void close() {
    closed = true;
    giveUp();
  }

  private void giveUp() {
    synchronized (closing) {
      if (!socket.fd().isOpen()) {
        return;
      }
      if (use.tryLock()) {
        try {
          socket.close();
        } finally {
          use.unlock();
        }
      } else {
        // Whoever holds the lock sees the end of the connection, and closes the socket.
        socket.shutdown();
      }
    }
  }
}
