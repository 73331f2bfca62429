package dev.holdfast.agent;

import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ReplyStream;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A daemon thread that awaits the end of a lease, on a connection of its own. */
final class DrainWatch implements Runnable {

  private static final System.Logger LOG = System.getLogger(DrainWatch.class.getName());

  private final String lease;
  private final BrokerCalls broker;
  private final Consumer<IOException> lost;
  private final Thread thread;
  private final List<Consumer<Drain>> consumers = new ArrayList<>(); // guarded by this
  private @Nullable Drain drain; // guarded by this
  private @Nullable VarlinkClient client; // guarded by this
  private boolean stopped; // guarded by this

  DrainWatch(String lease, BrokerCalls broker, Consumer<IOException> lost) {
    this.lease = lease;
    this.broker = broker;
    this.lost = lost;
    this.thread = new Thread(this, "holdfast-drain-" + lease);
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  void add(Consumer<Drain> consumer) {
    Drain known;
    synchronized (this) {
      known = drain;
      if (known == null) {
        consumers.add(consumer);
      }
    }
    if (known != null) {
      Thread late = new Thread(() -> tell(consumer, known), thread.getName());
      late.setDaemon(true);
      late.start();
    }
  }

  synchronized void stop() {
    stopped = true;
    if (client != null) {
      client.close();
    }
  }

  @Override
  public void run() {
    try (VarlinkClient connected = broker.connect()) {
      synchronized (this) {
        if (stopped) {
          return;
        }
        client = connected;
      }
      ReplyStream states =
          connected.stream(BrokerCalls.WORKER + "Await", JsonObject.of("lease", lease));
      while (!states.ended()) {
        Optional<JsonObject> state = states.next(null);
        if (state.isPresent()) {
          become(state.get().string("state"), state.get().optionalString("deadlineUsec"));
        }
      }
    } catch (VarlinkException e) { // NoSuchLease: it ended before we asked
      become("revoked", Optional.empty());
    } catch (IOException e) {
      if (!isStopped()) {
        lost.accept(e);
      }
    } catch (IllegalArgumentException e) {
      lost.accept(new IOException("await: the broker's answer makes no sense: " + e.getMessage()));
    }
  }

  private void become(String state, Optional<String> deadline) {
    boolean revoked = state.equals("revoked");
    if (!revoked && !state.equals("draining")) {
      return;
    }
    Drain told = new Drain(deadline.map(DrainWatch::moment).orElse(null), revoked);
    List<Consumer<Drain>> waiting;
    synchronized (this) {
      if (stopped || drain != null) {
        return;
      }
      drain = told;
      waiting = List.copyOf(consumers);
    }
    waiting.forEach(consumer -> tell(consumer, told));
  }

  private void tell(Consumer<Drain> consumer, Drain told) {
    try {
      consumer.accept(told);
    } catch (RuntimeException e) { // the application's own code: its bug must not end the watch
      LOG.log(Level.ERROR, "lease=" + lease + " a consumer of its drain failed", e);
    }
  }

  private synchronized boolean isStopped() {
    return stopped;
  }

  private static Instant moment(String microseconds) {
    long value = Long.parseLong(microseconds);
    return Instant.ofEpochSecond(
        Math.floorDiv(value, 1_000_000L), Math.floorMod(value, 1_000_000L) * 1000L);
  }
}
