package dev.holdfast.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Sockets;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
class AcceptorTest {

  private static final Duration LONG = Duration.ofSeconds(20);
  private static final int CLIENTS = 8;

  private static Acceptor start(TestListener listener, boolean wait, int threads, int worker)
      throws IOException {
    return Acceptor.of(listener.fd(), "web", TestListener.saying(worker))
        .threads(threads)
        .blockingAccept(wait)
        .start();
  }

  @ParameterizedTest(name = "O_NONBLOCK {0}, blocking accept {1}, {2} threads")
  @CsvSource({
    "true, false, 1",
    "true, false, 3",
    "true, true, 1",
    "false, false, 1",
    "false, false, 3"
  })
  void noConnectionIsLostWhileWorkersOfOneDescriptionComeAndGo(
      boolean nonBlocking, boolean wait, int threads) throws Exception {
    comeAndGo(nonBlocking, wait, threads, 2); // the JDK opens descriptors of its own the first time
    List<String> before = TestListener.openSockets();
    comeAndGo(nonBlocking, wait, threads, 20);
    assertThat(TestListener.openSockets()).isEqualTo(before);
  }

  private static void comeAndGo(boolean nonBlocking, boolean wait, int threads, int rounds)
      throws Exception {
    ExecutorService clients = Executors.newFixedThreadPool(CLIENTS);
    AtomicInteger asked = new AtomicInteger();
    AtomicInteger goOn = new AtomicInteger(1);
    try (TestListener listener = TestListener.open(nonBlocking);
        Acceptor staying = start(listener, wait, threads, 1)) {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        running.add(
            clients.submit(
                () -> {
                  while (goOn.get() == 1) {
                    assertThat(listener.ask()).isIn(1, 2);
                    asked.incrementAndGet();
                  }
                  return null;
                }));
      }
      for (int round = 0; round < rounds; round++) {
        Acceptor going = start(listener, wait, threads, 2);
        int seen = asked.get();
        while (asked.get() < seen + 50 && running.stream().noneMatch(Future::isDone)) {
          Thread.onSpinWait();
        }
        assertThat(going.stop(LONG)).isTrue();
      }
      goOn.set(0);
      for (Future<?> client : running) {
        client.get();
      }
      assertThat(asked.get()).isGreaterThanOrEqualTo(rounds * 50);
      assertThat(Sockets.isNonBlocking(listener.fd())).isEqualTo(nonBlocking);
      assertThat(Sockets.isListening(listener.fd())).isTrue();
      assertThat(staying.stop(LONG)).isTrue();
    } finally {
      goOn.set(0);
      clients.shutdown();
    }
  }

  @ParameterizedTest(name = "O_NONBLOCK {0}")
  @ValueSource(booleans = {true, false})
  void stopHandsOverWhatWasAcceptedAndLeavesTheQueueToOthers(boolean nonBlocking) throws Exception {
    CountDownLatch accepted = new CountDownLatch(1);
    CompletableFuture<Void> mayAnswer = new CompletableFuture<>();
    try (TestListener listener = TestListener.open(nonBlocking);
        SocketChannel first = listener.connect()) {
      Acceptor stopping =
          Acceptor.of(
                  listener.fd(),
                  "web",
                  connection -> {
                    accepted.countDown();
                    mayAnswer.get();
                    TestListener.saying(1).handle(connection);
                  })
              .start();
      accepted.await();
      try (SocketChannel queued = listener.connect()) {
        assertThat(stopping.stop(Duration.ofMillis(1))).isFalse();
        mayAnswer.complete(null);
        assertThat(TestListener.answer(first)).isEqualTo(1);
        assertThat(stopping.stop(LONG)).isTrue();
        assertThat(stopping.accepted()).isEqualTo(1);
        assertThat(Sockets.acceptQueue(listener.fd()).length()).isEqualTo(1);
        try (Acceptor next = start(listener, false, 1, 2)) {
          assertThat(TestListener.answer(queued)).isEqualTo(2);
          assertThat(next.stop(LONG)).isTrue();
        }
      }
    }
  }

  @ParameterizedTest(name = "O_NONBLOCK {0}")
  @ValueSource(booleans = {true, false})
  void aFailingHandlerLosesItsConnectionOnly(boolean nonBlocking) throws Exception {
    AtomicInteger turn = new AtomicInteger();
    try (TestListener listener = TestListener.open(nonBlocking);
        Acceptor acceptor =
            Acceptor.of(
                    listener.fd(),
                    "web",
                    connection -> {
                      if (turn.getAndIncrement() == 0) {
                        Thread.currentThread().interrupt(); // must not reach the next accept
                        throw new IOException("a bug of the application, made for this test");
                      }
                      TestListener.saying(7).handle(connection);
                    })
                .start()) {
      assertThat(listener.ask()).isEqualTo(-1);
      assertThat(listener.ask()).isEqualTo(7);
      assertThat(acceptor.stop(LONG)).isTrue();
    }
  }

  @Test
  void withoutDescriptorsItWaitsAndGoesOnWhenThereAreSome() throws Exception {
    try (TestListener listener = TestListener.open(true);
        Acceptor acceptor = start(listener, false, 1, 7)) {
      assertThat(listener.ask()).isEqualTo(7);
      // A class that is loaded from a directory needs a descriptor too: load them now.
      assertThat(new ErrnoException("load", "classes", Errno.EMFILE).is(Errno.EMFILE)).isTrue();
      SocketChannel client = listener.connect(); // its descriptor, before there are none
      assertThat(TestListener.answer(client)).isEqualTo(7);
      assertThat(TestListener.answer(client)).isEqualTo(-1); // so its other end has closed
      client.close();
      List<OwnedFd> hoard = new ArrayList<>();
      long soft = Limits.openFiles().soft();
      Limits.setOpenFiles(TestListener.openDescriptors() + 40);
      try (SocketChannel waiting = SocketChannel.open()) {
        try {
          while (true) {
            hoard.add(listener.fd().dup());
          }
        } catch (ErrnoException full) {
          assertThat(full.is(Errno.EMFILE)).isTrue();
        }
        waiting.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), listener.port()));
        long cpu = cpuOfAcceptor();
        waiting.configureBlocking(false);
        long end = System.nanoTime() + Duration.ofMillis(500).toNanos();
        ByteBuffer nothing = ByteBuffer.allocate(1);
        while (System.nanoTime() < end) {
          assertThat(waiting.read(nothing)).isZero();
        }
        assertThat(cpuOfAcceptor() - cpu).as("cpu of pausing").isLessThan(200_000_000L);
        hoard.forEach(OwnedFd::close);
        int got = 0;
        while (got == 0) {
          got = waiting.read(nothing);
        }
        assertThat(nothing.get(0)).isEqualTo((byte) 7);
      } finally {
        hoard.forEach(OwnedFd::close);
        Limits.setOpenFiles(soft);
      }
      assertThat(acceptor.stop(LONG)).isTrue();
    }
  }

  private static long cpuOfAcceptor() {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    for (long id : threads.getAllThreadIds()) {
      ThreadInfo info = threads.getThreadInfo(id);
      if (info != null && info.getThreadName().equals("holdfast-accept-web")) {
        return threads.getThreadCpuTime(id);
      }
    }
    throw new AssertionError("no accepting thread");
  }

  @Test
  void aConnectionWhoseWakeUpWentToAStoppingWorkerIsServedAtOnce() throws Exception {
    // EPOLLEXCLUSIVE wakes one worker. When that one stops without accepting, nobody else knows.
    try (TestListener listener = TestListener.open(true);
        Acceptor staying = start(listener, false, 1, 1)) {
      for (int round = 0; round < 300; round++) {
        Acceptor going = start(listener, false, 1, 2);
        CompletableFuture<Boolean> stopped =
            CompletableFuture.supplyAsync(
                () -> {
                  try {
                    return going.stop(LONG);
                  } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                  }
                });
        assertThat(listener.ask()).isIn(1, 2);
        assertThat(stopped.get()).isTrue();
      }
      assertThat(staying.stop(LONG)).isTrue();
    }
  }
}
