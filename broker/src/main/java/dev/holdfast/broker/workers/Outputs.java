package dev.holdfast.broker.workers;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.ThreadLimit;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Reads what workers print and writes it to the log, on the thread {@code broker-output}: a worker
 * that floods must not slow the loop. The thread lives while there is something to read. Owns the
 * reading ends.
 */
public final class Outputs implements AutoCloseable {

  private static final int ROOM = 1 << 16;
  private static final Duration RETRY = Duration.ofMillis(10);

  private static final Duration PATIENCE = Duration.ofSeconds(2);

  /** How long what a worker left behind in other groups may still print. */
  private static final Duration LINGER = Duration.ofSeconds(1);

  private final OutputSink sink;
  private final boolean journal;
  private final Supplier<Instant> clock;
  private final Object lock = new Object();
  private final Deque<Consumer<Reading>> asked = new ArrayDeque<>(); // under the lock
  private @Nullable Poller wakes; // of the thread that lives; under the lock
  private boolean closed; // under the lock

  /**
   * Nothing runs until there is a worker.
   *
   * @param journal whether the reader is systemd's journal: then lines begin with a priority, and
   *     it adds the time
   */
  public Outputs(OutputSink sink, boolean journal, Supplier<Instant> clock) {
    this.sink = sink;
    this.journal = journal;
    this.clock = clock;
  }

  /**
   * Takes what comes out of a pipe whose reading end is non-blocking.
   *
   * @param name in front of each line
   * @param moved the reading end; ownership moves on success
   */
  Printed read(String name, OwnedFd moved) throws ErrnoException {
    Tap tap = new Tap(moved, (name + ": ").getBytes(StandardCharsets.UTF_8));
    ask(reading -> reading.add(tap));
    return new Printed() {
      @Override
      public void last(Consumer<String> then) {
        askOrGiveUp(reading -> then.accept(reading.last(tap)), () -> then.accept(""));
      }

      @Override
      public Optional<OwnedFd> source() {
        return tap.reader.isOpen() ? Optional.of(tap.reader) : Optional.empty();
      }

      @Override
      public void gone() {
        askOrGiveUp(reading -> reading.gone(tap), () -> {});
      }
    };
  }

  /**
   * Reads nothing more until {@link #resume}: a successor does. What was read is on its way to the
   * log, a line that has begun too. The loop's thread, which waits for that.
   *
   * @return false when the reading thread does not answer in time: it may still read
   */
  public boolean pause() {
    CountDownLatch done = new CountDownLatch(1);
    synchronized (lock) {
      if (wakes == null) {
        return true; // there is nothing to be read
      }
    }
    askOrGiveUp(
        reading -> {
          reading.pause();
          done.countDown();
        },
        done::countDown);
    try {
      return done.await(PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Goes on after {@link #pause}; nothing happens otherwise. */
  public void resume() {
    synchronized (lock) {
      if (wakes == null) {
        return;
      }
    }
    askOrGiveUp(Reading::resume, () -> {});
  }

  private void askOrGiveUp(Consumer<Reading> question, Runnable otherwise) {
    try {
      ask(question);
    } catch (ErrnoException e) {
      otherwise.run(); // no descriptors for a thread that has ended: nothing is there to be read
    }
  }

  /** Has the thread do something; starts it where there is none. */
  private void ask(Consumer<Reading> question) throws ErrnoException {
    synchronized (lock) {
      if (closed) {
        return;
      }
      Poller living = wakes;
      if (living == null) {
        Poller opened = Poller.open();
        wakes = opened;
        Thread thread = new Thread(null, new Reading(opened), "broker-output", 128 << 10);
        thread.setDaemon(true);
        asked.add(question);
        try {
          thread.start();
        } catch (OutOfMemoryError e) {
          wakes = null;
          asked.remove(question);
          opened.close();
          ThreadLimit.require(e);
          throw new ErrnoException("clone", "a thread to read what workers print", Errno.EAGAIN);
        }
      } else {
        asked.add(question);
        living.wake();
      }
    }
  }

  /** The workers' pipes are closed; what was read and not written is written if it can be. */
  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
      if (wakes != null) {
        wakes.wake();
      }
    }
  }

  /** One worker's pipe; used on the reading thread only. */
  private static final class Tap {
    final OwnedFd reader;
    final byte[] prefix;
    final OutputLines lines = new OutputLines();
    final LastLines last = new LastLines();
    boolean reading;
    long until; // System.nanoTime; 0: as long as somebody may write

    Tap(OwnedFd reader, byte[] prefix) {
      this.reader = reader;
      this.prefix = prefix;
    }
  }

  /** One life of the thread. */
  private final class Reading implements Runnable {
    private final Poller poller;
    private final OutputLog log = new OutputLog(sink, journal, clock);
    private final List<Tap> taps = new ArrayList<>();
    private final ByteBuffer room = ByteBuffer.allocate(ROOM);
    private boolean paused;

    Reading(Poller poller) {
      this.poller = poller;
    }

    @Override
    public void run() {
      try {
        while (answerAll()) {
          turn();
        }
      } catch (ErrnoException e) {
        throw new IllegalStateException("reading what workers print", e);
      } finally {
        log.flush();
        taps.forEach(tap -> tap.reader.close());
        synchronized (lock) {
          if (wakes == poller) {
            wakes = null;
          }
          poller.close(); // under the lock: nobody wakes a poller that is closed
        }
      }
    }

    /** Does what was asked; false when the thread is to end. */
    private boolean answerAll() {
      while (true) {
        Consumer<Reading> question;
        synchronized (lock) {
          question = asked.poll();
          if (closed
              || (question == null && taps.isEmpty() && (log.isEmpty() || log.isGivenUp()))) {
            wakes = null;
            return false;
          }
        }
        if (question == null) {
          return true;
        }
        log.now();
        question.accept(this);
      }
    }

    private void turn() throws ErrnoException {
      log.flush();
      if (log.isFull() && !log.isGivenUp()) {
        // The reader of the log is slow: then workers have to wait for it, as they would for a
        // terminal.
        LockSupport.parkNanos(RETRY.toNanos());
        return;
      }
      List<Poller.Ready> ready = poller.await(untilNext());
      log.now();
      for (Poller.Ready each : ready) {
        if (poller.isCurrent(each)) {
          readOnce((Tap) each.attachment());
        }
      }
      long now = System.nanoTime();
      for (Tap tap : List.copyOf(taps)) {
        if (tap.until != 0 && now - tap.until >= 0 && !paused) {
          drain(tap);
          end(tap);
        }
      }
      log.flush();
    }

    private @Nullable Duration untilNext() {
      Duration next = log.isEmpty() ? null : RETRY;
      for (Tap tap : taps) {
        if (tap.until != 0 && next == null && !paused) {
          next = Duration.ofNanos(Math.max(0, tap.until - System.nanoTime()));
        }
      }
      return next;
    }

    void add(Tap tap) {
      try {
        if (!paused) {
          poller.add(tap.reader, Poller.READABLE, tap);
        }
        tap.reading = true;
        taps.add(tap);
      } catch (ErrnoException e) {
        log.line(
            tap.prefix, ("output is lost: " + e.getMessage()).getBytes(StandardCharsets.UTF_8));
        tap.reader.close();
      }
    }

    void pause() {
      if (paused) {
        return;
      }
      paused = true;
      for (Tap tap : taps) {
        try {
          poller.remove(tap.reader);
        } catch (ErrnoException e) {
          throw new IllegalStateException("not to read what workers print", e);
        }
        tap.lines.finish(line -> print(tap, line));
      }
      log.flush();
    }

    void resume() {
      if (!paused) {
        return;
      }
      paused = false;
      for (Tap tap : List.copyOf(taps)) {
        taps.remove(tap);
        add(tap);
      }
    }

    String last(Tap tap) {
      drain(tap);
      return tap.last.text();
    }

    void gone(Tap tap) {
      tap.until = System.nanoTime() + LINGER.toNanos();
    }

    /** Takes what is in the pipe now, and not what a living worker adds all the time. */
    private void drain(Tap tap) {
      for (int i = 0; i < (1 << 20) / ROOM && readOnce(tap); i++) {
        // until it is empty
      }
    }

    /** Reads once; false when nothing was there. */
    private boolean readOnce(Tap tap) {
      if (!tap.reading || paused) {
        return false;
      }
      int got;
      try {
        got = tap.reader.readNow(room.clear());
      } catch (ErrnoException e) {
        got = -1;
      }
      if (got < 0) {
        end(tap);
      } else {
        tap.lines.take(room.array(), 0, got, line -> print(tap, line));
      }
      return got > 0;
    }

    private void print(Tap tap, byte[] line) {
      tap.last.add(line);
      log.line(tap.prefix, line);
    }

    private void end(Tap tap) {
      if (tap.reading) {
        tap.reading = false;
        tap.lines.finish(line -> print(tap, line));
        taps.remove(tap);
        poller.forget(tap.reader); // the description is ours alone: close(2) ends the watching
        tap.reader.close();
      }
    }
  }
}
