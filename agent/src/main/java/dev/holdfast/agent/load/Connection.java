package dev.holdfast.agent.load;

import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.time.Instant;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One place in the load, used for one connection after another: connect, ask, read to the end, say
 * how it went; or, where the exchange keeps connections, ask again. Lives on the load's thread.
 */
final class Connection {
  /**
   * How long a server that was told to close may keep a connection whose answer is whole. Whoever
   * closes first keeps the port in TIME_WAIT for a minute; that should be the server, which has
   * only one port.
   */
  private static final long LINGER_NANOSECONDS = 100_000_000;

  /** A server that never ends its answer must not keep the others, and the clock, waiting. */
  private static final int READS_IN_A_ROW = 16;

  private enum Phase {
    IDLE,
    /** A Unix socket's queue was full: nothing tells when it no longer is, so try again. */
    RETRYING,
    CONNECTING,
    ANSWERING,
    /** Counted already; only waits for the server to close. */
    LINGERING
  }

  private final Load load;
  private final LoadPlan plan;
  private final ByteBuffer keptRequest;
  private final ByteBuffer lastRequest;
  private final AnswerReader answer;

  private Phase phase = Phase.IDLE;
  private @Nullable SocketChannel channel;
  private @Nullable InetSocketAddress local;
  private ByteBuffer request;
  private int asked;
  private long began;
  private long deadline;

  Connection(Load load, LoadPlan plan, ByteBuffer request, ByteBuffer lastRequest) {
    this.load = load;
    this.plan = plan;
    this.keptRequest = request.duplicate();
    this.lastRequest = lastRequest.duplicate();
    this.request = this.lastRequest;
    this.answer = plan.exchange().reader();
  }

  /** Begins the next connection; it may have ended when this returns. */
  void begin(@Nullable InetAddress source) {
    began = System.nanoTime();
    deadline = began + plan.connectTimeout().toNanos();
    phase = Phase.CONNECTING;
    asked = 0;
    nextRequest();
    local = null;
    SocketChannel opened = open(source);
    if (opened != null) {
      connect(opened);
    }
  }

  private void nextRequest() {
    load.tally().asked();
    asked++;
    request = asked < plan.exchange().requestsEach() ? keptRequest : lastRequest;
    request.rewind();
    answer.clear();
  }

  private @Nullable SocketChannel open(@Nullable InetAddress source) {
    try {
      SocketChannel opened = SocketChannel.open(family(plan.target()));
      channel = opened;
      opened.configureBlocking(false);
      if (source != null) {
        opened.bind(new InetSocketAddress(source, 0));
      }
      return opened;
    } catch (IOException e) {
      // Nothing has been said to the server yet.
      end(Outcome.LOCAL, "open a socket from " + source + ": " + e.getMessage());
      return null;
    }
  }

  private void connect(SocketChannel opened) {
    try {
      boolean connected = opened.connect(plan.target());
      if (opened.getLocalAddress() instanceof InetSocketAddress address) {
        local = address;
      }
      if (!connected && isUnix()) {
        retryLater();
        return;
      }
      // Over loopback the handshake is done by now, though connect said EINPROGRESS.
      if (connected || opened.finishConnect()) {
        ask(opened);
      } else {
        load.register(opened, SelectionKey.OP_CONNECT, this);
      }
    } catch (IOException e) {
      connectFailed(e);
    }
  }

  /** Something can be done on the socket. */
  void ready(SelectionKey key) {
    SocketChannel ready = Objects.requireNonNull(channel);
    if (phase == Phase.CONNECTING) {
      finishConnect(ready);
      return;
    }
    if (key.isWritable() && !send(ready)) {
      return;
    }
    if (!request.hasRemaining() && key.interestOps() != SelectionKey.OP_READ) {
      key.interestOps(SelectionKey.OP_READ);
    }
    if (key.isReadable()) {
      read(ready, null, false);
    }
  }

  private void finishConnect(SocketChannel pending) {
    try {
      if (pending.finishConnect()) {
        ask(pending);
      }
    } catch (IOException e) {
      connectFailed(e);
    }
  }

  private void ask(SocketChannel connected) throws IOException {
    phase = Phase.ANSWERING;
    deadline = System.nanoTime() + plan.answerTimeout().toNanos();
    if (send(connected)) {
      int write = request.hasRemaining() ? SelectionKey.OP_WRITE : 0;
      load.register(connected, SelectionKey.OP_READ | write, this);
    }
  }

  /** Sends what can be sent; false when that ended the connection. */
  private boolean send(SocketChannel connected) {
    try {
      if (request.hasRemaining()) {
        connected.write(request);
      }
      return true;
    } catch (IOException e) {
      // ECONNRESET, or EPIPE where the server closed first. What it said before that can still be
      // read, and decides what this was; the kernel tells of the reset only once, so keep it.
      boolean nothingWritten = request.position() == 0;
      request.position(request.limit());
      read(connected, isReset(e) ? e : null, nothingWritten);
      return phase != Phase.IDLE;
    }
  }

  private void read(SocketChannel connected, @Nullable IOException reset, boolean nothingWritten) {
    ByteBuffer buffer = load.buffer();
    try {
      int count;
      int turns = 0;
      do {
        buffer.clear();
        count = connected.read(buffer);
        answer.take(buffer.flip());
      } while (count > 0 && ++turns < READS_IN_A_ROW);
      if (nothingWritten && asked > 1 && answer.isEmpty()) {
        closedIdle();
      } else if (reset != null) {
        failed(reset);
      } else {
        arrived(connected, count < 0);
      }
    } catch (IOException e) {
      if (nothingWritten && asked > 1 && answer.isEmpty()) {
        closedIdle();
      } else {
        failed(e);
      }
    }
  }

  private void arrived(SocketChannel connected, boolean endOfFile) {
    if (phase == Phase.LINGERING) {
      if (endOfFile) {
        finish();
      }
    } else if (endOfFile && answer.isEmpty() && !answer.mayBeEmpty()) {
      end(
          asked > 1 ? Outcome.CUT : Outcome.CLOSED_UNANSWERED,
          "end of file, no byte of an answer" + keptSoLong());
    } else if (endOfFile) {
      if (answer.leavesOpen() && asked < plan.exchange().requestsEach()) {
        load.tally().closedIdle();
      }
      judge();
      finish();
    } else if (answer.isComplete()) {
      judge();
      if (answer.leavesOpen() && asked < plan.exchange().requestsEach() && load.goesOn()) {
        askAgain(connected);
      } else {
        linger(connected);
      }
    }
  }

  private void askAgain(SocketChannel connected) {
    int count;
    try {
      // A server may close at any time. The later this look, the rarer a request that meets the end
      // of the connection underway, which cannot be told from one that a worker threw away.
      count = connected.read(load.buffer().clear());
    } catch (IOException e) {
      count = -1;
    }
    if (count < 0) {
      load.tally().closedIdle();
      finish();
      return;
    }
    if (count > 0) {
      linger(connected); // Bytes that answer nothing, such as a 408: that is the end of it.
      return;
    }
    began = System.nanoTime();
    deadline = began + plan.answerTimeout().toNanos();
    nextRequest();
    if (send(connected) && request.hasRemaining()) {
      load.interest(connected, SelectionKey.OP_READ | SelectionKey.OP_WRITE);
    }
  }

  private void linger(SocketChannel connected) {
    phase = Phase.LINGERING;
    deadline = System.nanoTime() + LINGER_NANOSECONDS;
    if (answer.mayBeEmpty()) {
      try {
        connected.shutdownOutput(); // No other hint to close is known to all protocols.
      } catch (IOException e) {
        load.note("shut down output", e);
      }
    }
  }

  /** The request that could not be written was not begun: another connection has its turn. */
  private void closedIdle() {
    load.tally().closedIdle();
    load.tally().notAsked();
    finish();
  }

  private String keptSoLong() {
    return asked > 1 ? ", on a connection that had carried " + (asked - 1) : "";
  }

  private void judge() {
    Optional<String> fault = answer.fault();
    if (fault.isPresent()) {
      count(Outcome.BAD_ANSWER, fault.get());
    } else {
      long ended = System.nanoTime();
      String head = answer.head();
      load.tally().served(ended - began, plan.workerName().in(head, answer.body()));
      load.listener().served(began, ended, head);
    }
  }

  private void failed(IOException e) {
    if (phase == Phase.LINGERING) {
      finish();
    } else if (answer.isEmpty()) {
      end(
          asked > 1 ? Outcome.CUT : Outcome.RESET,
          "before any answer: " + e.getMessage() + keptSoLong());
    } else if (answer.isComplete()) {
      judge();
      finish();
    } else {
      end(
          Outcome.RESET_MIDWAY,
          "after " + answer.total() + " bytes of an answer: " + e.getMessage());
    }
  }

  private void connectFailed(IOException e) {
    if (isUnix() && text(e).contains("temporarily unavailable")) {
      retryLater();
    } else {
      end(outcomeOf(e), "connect: " + e.getMessage());
    }
  }

  /**
   * After EAGAIN from a Unix socket's connect(2) nothing is under way, as it would be with TCP. JDK
   * 17 throws it; its documentation would also allow a connect that is not finished.
   */
  private void retryLater() {
    release();
    phase = Phase.RETRYING;
  }

  private static Outcome outcomeOf(IOException e) {
    // The JDK tells errnos apart by type only where it has one, and by strerror's text elsewhere.
    String text = text(e);
    if (e instanceof ConnectException) {
      return text.contains("timed out") ? Outcome.CONNECT_TIMED_OUT : Outcome.REFUSED;
    }
    // EADDRNOTAVAIL, EADDRINUSE, EACCES; then ENOBUFS, ENOMEM.
    if (e instanceof BindException || text.contains("buffer space") || text.contains("memory")) {
      return Outcome.LOCAL;
    }
    return isReset(e) ? Outcome.RESET : Outcome.REFUSED;
  }

  private static boolean isReset(IOException e) {
    return text(e).contains("reset");
  }

  private static String text(IOException e) {
    return Objects.requireNonNullElse(e.getMessage(), "").toLowerCase(Locale.ROOT);
  }

  private boolean isUnix() {
    return plan.target() instanceof UnixDomainSocketAddress;
  }

  /** Looks at the clock: gives up what is late, tries again what must be tried again. */
  void expire(long now) {
    boolean late = now - deadline >= 0;
    switch (phase) {
      case IDLE -> {}
      case RETRYING -> {
        if (late) {
          end(Outcome.CONNECT_TIMED_OUT, "connect: EAGAIN, the accept queue stayed full");
        } else {
          retry();
        }
      }
      case CONNECTING -> {
        if (late) {
          end(Outcome.CONNECT_TIMED_OUT, "connect: nothing within " + plan.connectTimeout());
        }
      }
      case ANSWERING -> {
        if (late) {
          end(
              Outcome.ANSWER_TIMED_OUT,
              answer.total() + " bytes of an answer within " + plan.answerTimeout());
        }
      }
      case LINGERING -> {
        if (late) {
          finish();
        }
      }
    }
  }

  private void retry() {
    phase = Phase.CONNECTING;
    SocketChannel opened = open(null);
    if (opened != null) {
      connect(opened);
    }
  }

  /** Drops what is in flight, without an outcome. */
  void abandon() {
    if (phase != Phase.IDLE) {
      reset();
      finish();
    }
  }

  private void end(Outcome outcome, String detail) {
    count(outcome, detail);
    reset();
    finish();
  }

  private void count(Outcome outcome, String detail) {
    if (outcome == Outcome.LOCAL) {
      load.ranOut(detail);
      return;
    }
    Instant ended = Instant.now();
    long now = System.nanoTime();
    LostConnection lost =
        new LostConnection(outcome, ended.minusNanos(now - began), ended, local, detail);
    load.tally().lost(lost);
    load.listener().lost(lost, began, now);
  }

  private void finish() {
    release();
    phase = Phase.IDLE;
    load.ended(this);
  }

  /** What failed is closed with RST, so that its port is free at once instead of in TIME_WAIT. */
  private void reset() {
    SocketChannel failed = channel;
    if (failed != null && failed.isOpen() && local != null) {
      try {
        failed.setOption(StandardSocketOptions.SO_LINGER, 0);
      } catch (IOException e) {
        // Then it is closed with FIN: a port in TIME_WAIT is all that this costs.
        load.note("set SO_LINGER on a failed connection", e);
      }
    }
  }

  private void release() {
    SocketChannel closing = channel;
    channel = null;
    if (closing != null) {
      try {
        closing.close();
      } catch (IOException e) {
        load.note("close a connection", e);
      }
    }
  }

  private static StandardProtocolFamily family(SocketAddress target) {
    if (target instanceof InetSocketAddress inet) {
      // An IPv4 socket for an IPv4 target: the JDK's dual-stack one costs a system call more.
      return inet.getAddress() instanceof Inet4Address
          ? StandardProtocolFamily.INET
          : StandardProtocolFamily.INET6;
    }
    return StandardProtocolFamily.UNIX;
  }
}
