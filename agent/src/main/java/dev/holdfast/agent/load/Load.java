package dev.holdfast.agent.load;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.InetAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The state of a running load and its steps. Everything in it belongs to the load's thread. */
final class Load {
  private static final Logger LOG = System.getLogger(Load.class.getName());
  private static final long MILLISECOND = 1_000_000;

  /** After this side ran out of something, trying again at once would only burn the count. */
  private static final long LOCAL_PAUSE = 10 * MILLISECOND;

  private final LoadPlan plan;
  private final Selector selector;
  private final LoadListener listener;
  private final Tally tally = new Tally();
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(64 * 1024);
  private final List<Connection> places = new ArrayList<>();
  private final ArrayDeque<Connection> idle = new ArrayDeque<>();
  private final long tick;
  private final long began = System.nanoTime();

  private long started;
  private boolean stopped;
  private long expiredAt = began;
  private long pausedUntil = began;

  Load(LoadPlan plan, Selector selector, LoadListener listener) {
    this.plan = plan;
    this.selector = selector;
    this.listener = listener;
    this.tick = tickOf(plan);
    ByteBuffer request = direct(plan.exchange().request());
    ByteBuffer lastRequest = direct(plan.exchange().lastRequest());
    long places = Math.min(plan.concurrency(), plan.connections());
    for (int place = 0; place < places; place++) {
      this.places.add(new Connection(this, plan, request, lastRequest));
    }
    idle.addAll(this.places);
  }

  private static ByteBuffer direct(byte[] bytes) {
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
  }

  /** Begins what may begin. */
  void fill() {
    // Each idle place at most once, so that a server which refuses everything cannot hold us here.
    for (int turns = idle.size(); turns > 0 && mayBegin(System.nanoTime()); turns--) {
      Connection next = idle.removeFirst();
      InetAddress source = nextSource();
      started++;
      next.begin(source);
    }
  }

  /** Waits for sockets until the next look at the clock is due, and serves them. */
  void serve() throws IOException {
    long now = System.nanoTime();
    long due = expiredAt + tick - now;
    if (due <= 0 || (!idle.isEmpty() && mayBegin(now))) {
      selector.selectNow(this::ready);
    } else {
      selector.select(this::ready, 1 + due / MILLISECOND);
    }
    now = System.nanoTime();
    if (now - expiredAt >= tick) {
      expiredAt = now;
      for (Connection place : places) {
        place.expire(now);
      }
    }
  }

  private void ready(SelectionKey key) {
    ((Connection) key.attachment()).ready(key);
  }

  /** Whether no connection may begin any more. */
  boolean isSpent() {
    return started >= plan.connections() || isOutOfTime();
  }

  private boolean isOutOfTime() {
    Duration lasting = plan.lasting();
    return lasting != null && System.nanoTime() - began >= lasting.toNanos();
  }

  /** From now on nothing begins, on kept connections neither. */
  void stop() {
    stopped = true;
  }

  /** Whether a connection that the server keeps open is asked once more. */
  boolean goesOn() {
    return !stopped && !isOutOfTime();
  }

  boolean isIdle() {
    return idle.size() == places.size();
  }

  void abandon() {
    places.forEach(Connection::abandon);
  }

  LoadReport report(boolean over) {
    return tally.report(over, started, System.nanoTime() - began);
  }

  private boolean mayBegin(long now) {
    return !isSpent()
        && now - pausedUntil >= 0
        && (plan.perSecond() == 0 || started <= (now - began) / 1e9 * plan.perSecond());
  }

  private @Nullable InetAddress nextSource() {
    List<InetAddress> sources = plan.sources();
    return sources.isEmpty() ? null : sources.get((int) (started % sources.size()));
  }

  private static long tickOf(LoadPlan plan) {
    Duration shorter =
        plan.connectTimeout().compareTo(plan.answerTimeout()) < 0
            ? plan.connectTimeout()
            : plan.answerTimeout();
    // Pacing, and trying a full Unix socket again, happen at ticks only.
    return plan.perSecond() > 0 || plan.target() instanceof UnixDomainSocketAddress
        ? MILLISECOND
        : Math.max(MILLISECOND, Math.min(10 * MILLISECOND, shorter.toNanos() / 10));
  }

  // What a connection needs from its load.

  Tally tally() {
    return tally;
  }

  LoadListener listener() {
    return listener;
  }

  /** One for all: only one connection reads at a time. */
  ByteBuffer buffer() {
    return buffer;
  }

  void register(SocketChannel channel, int interest, Connection connection)
      throws ClosedChannelException {
    channel.register(selector, interest, connection);
  }

  void interest(SocketChannel channel, int interest) {
    channel.keyFor(selector).interestOps(interest);
  }

  void ended(Connection connection) {
    idle.addLast(connection);
  }

  void ranOut(String problem) {
    tally.local(problem);
    pausedUntil = System.nanoTime() + LOCAL_PAUSE;
  }

  void note(String attempt, IOException e) {
    LOG.log(Level.DEBUG, () -> attempt + ": " + e.getMessage());
  }
}
