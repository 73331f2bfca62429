package dev.holdfast.agent.load;

import static dev.holdfast.agent.load.TestServer.answering;
import static dev.holdfast.agent.load.TestServer.resettingAfter;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class LoadGeneratorTest {
  private static final String GOOD =
      "HTTP/1.0 200 OK\r\nx-worker: alpha\r\nContent-Length: 3\r\n\r\nok\n";
  private static final Duration SHORT = Duration.ofMillis(150);

  @Test
  void countsEachConnectionServedAndByWhom() throws Exception {
    try (TestServer server = TestServer.tcp(answering(GOOD))) {
      LoadReport report = run(LoadPlan.against(server.address()).withConnections(2_000));

      assertThat(report.over()).isTrue();
      assertThat(report.started()).isEqualTo(2_000);
      assertThat(report.served()).isEqualTo(2_000);
      assertThat(report.lost()).isZero();
      assertThat(report.lostByKind()).isEmpty();
      assertThat(report.local()).isZero();
      assertThat(report.inFlight()).isZero();
      assertThat(report.byWorker()).isEqualTo(Map.of("alpha", 2_000L));
      assertThat(report.latencies().count()).isEqualTo(2_000);
      assertThat(report.latencies().p50()).isPositive();
      assertThat(report.rate()).isPositive();
    }
  }

  @Test
  void readsABodyThatEndsWithTheConnectionAndNamesItsWorkerInTheFirstLine() throws Exception {
    String answer = "HTTP/1.1 200 OK\r\n\r\nworker beta pid 7\n" + "x".repeat(100_000);
    try (TestServer server = TestServer.tcp(answering(answer))) {
      LoadReport report = run(LoadPlan.against(server.address()).withConnections(50));

      assertThat(report.byWorker()).isEqualTo(Map.of("beta", 50L));
    }
  }

  @Test
  void doesNotWaitLongForAServerThatKeepsTheConnectionAfterAWholeAnswer() throws Exception {
    try (TestServer server =
        TestServer.tcp(
            accepted -> {
              TestServer.request(accepted);
              TestServer.say(accepted, GOOD);
            })) {
      LoadReport report = run(LoadPlan.against(server.address()).withConnections(20));

      assertThat(report.served()).isEqualTo(20);
      assertThat(report.elapsed()).isLessThan(Duration.ofSeconds(5));
    }
  }

  @Test
  void speaksPlainLinesWhenToldTo() throws Exception {
    try (TestServer server =
        TestServer.tcp(
            accepted -> {
              TestServer.say(accepted, "worker gamma\n" + TestServer.request(accepted));
              accepted.close();
            })) {
      LoadPlan plan = LoadPlan.against(server.address()).withConnections(100);

      LoadReport whole = run(plan.withExchange(Exchange.line("hello\n")));
      LoadReport cut = run(plan.withExchange(Exchange.line("hello")));

      assertThat(whole.byWorker()).isEqualTo(Map.of("gamma", 100L));
      assertThat(cut.lostByKind()).isEqualTo(Map.of(Outcome.BAD_ANSWER, 100L));
    }
  }

  @Test
  void readsAServerThatSpeaksFirstAndIsAskedNothing() throws Exception {
    try (TestServer server =
        TestServer.tcp(
            accepted -> {
              TestServer.say(accepted, "hello\n");
              accepted.close();
            })) {
      LoadReport report =
          run(
              LoadPlan.against(server.address())
                  .withConnections(100)
                  .withExchange(Exchange.line("")));

      assertThat(report.served()).isEqualTo(100);
    }
  }

  @Test
  void tellsAResetBeforeTheAnswerFromOneMidway() throws Exception {
    try (TestServer before = TestServer.tcp(resettingAfter(""));
        TestServer midway = TestServer.tcp(resettingAfter("HTTP/1.0 200 OK\r\n"))) {
      assertThat(lost(before.address(), 100)).isEqualTo(Map.of(Outcome.RESET, 100L));
      assertThat(lost(midway.address(), 100)).isEqualTo(Map.of(Outcome.RESET_MIDWAY, 100L));
    }
  }

  @Test
  void takesAResetAfterAWholeAnswerForServed() throws Exception {
    try (TestServer server = TestServer.tcp(resettingAfter(GOOD))) {
      assertThat(run(LoadPlan.against(server.address()).withConnections(100)).served())
          .isEqualTo(100);
    }
  }

  @Test
  void seesAConnectionClosedUnanswered() throws Exception {
    try (TestServer server = TestServer.tcp(answering(""))) {
      assertThat(lost(server.address(), 100)).isEqualTo(Map.of(Outcome.CLOSED_UNANSWERED, 100L));
    }
  }

  @Test
  void seesAWrongStatusATruncatedBodyAndNonsense() throws Exception {
    for (String answer :
        List.of(
            "HTTP/1.0 503 Busy\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nok\n",
            "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nok\n",
            "HTTP/1.0 200 OK\r\nContent-Length: ten\r\n\r\nok\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.0 200 OK\r\nX-Worker: a\r\n",
            "nonsense\r\n\r\n")) {
      try (TestServer server = TestServer.tcp(answering(answer))) {
        assertThat(lost(server.address(), 20))
            .as(answer)
            .isEqualTo(Map.of(Outcome.BAD_ANSWER, 20L));
      }
    }
  }

  @Test
  void tellsAFullAcceptQueueFromAnAnswerThatNeverComes() throws Exception {
    try (TestServer silent = TestServer.tcp(accepted -> {});
        TestServer full = TestServer.tcpThatNeverAccepts()) {
      LoadPlan plan = LoadPlan.against(silent.address()).withConnections(8);
      assertThat(run(plan.withTimeouts(Duration.ofSeconds(10), SHORT)).lostByKind())
          .isEqualTo(Map.of(Outcome.ANSWER_TIMED_OUT, 8L));

      LoadPlan crowd = LoadPlan.against(full.address()).withConnections(8);
      Map<Outcome, Long> lost = run(crowd.withTimeouts(SHORT, SHORT)).lostByKind();
      assertThat(lost).containsOnlyKeys(Outcome.CONNECT_TIMED_OUT, Outcome.ANSWER_TIMED_OUT);
      assertThat(lost.values().stream().mapToLong(Long::longValue).sum()).isEqualTo(8);
    }
  }

  @Test
  void givesUpAnAnswerThatNeverEnds() throws Exception {
    try (TestServer server =
        TestServer.tcp(
            accepted -> {
              TestServer.say(accepted, "HTTP/1.0 200 OK\r\n\r\n");
              while (accepted.isOpen()) {
                TestServer.say(accepted, "x".repeat(100_000));
              }
            })) {
      LoadPlan plan = LoadPlan.against(server.address()).withConnections(2);

      assertThat(run(plan.withTimeouts(Duration.ofSeconds(10), SHORT)).lostByKind())
          .isEqualTo(Map.of(Outcome.ANSWER_TIMED_OUT, 2L));
    }
  }

  @Test
  void isRefusedByAClosedPortAndRemembersWhenAndFromWhere() throws Exception {
    int port;
    try (ServerSocket closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = closed.getLocalPort();
    }
    Instant before = Instant.now();

    LoadReport report =
        run(
            LoadPlan.against(new InetSocketAddress(InetAddress.getLoopbackAddress(), port))
                .withConnections(3_000));

    assertThat(report.lostByKind()).isEqualTo(Map.of(Outcome.REFUSED, 3_000L));
    assertThat(report.lost()).isEqualTo(3_000);
    assertThat(report.lostConnections()).hasSize(1_000);
    assertThat(report.lostConnections())
        .allSatisfy(
            lost -> {
              assertThat(lost.outcome()).isEqualTo(Outcome.REFUSED);
              assertThat(lost.localPort()).isPositive();
              assertThat(lost.began()).isBetween(before.minusMillis(1), lost.ended());
              assertThat(lost.ended()).isBeforeOrEqualTo(Instant.now());
              assertThat(lost.detail()).contains("connect");
            });
  }

  @Test
  void doesNotBlameTheServerForItsOwnLimits() throws Exception {
    try (TestServer server = TestServer.tcp(answering(GOOD))) {
      // 192.0.2.1 is kept for documentation; no interface has it.
      InetAddress nobodys = InetAddress.getByAddress(new byte[] {(byte) 192, 0, 2, 1});
      LoadReport report =
          run(LoadPlan.against(server.address()).withSources(List.of(nobodys)).withConnections(10));

      assertThat(report.local()).isEqualTo(10);
      assertThat(report.lost()).isZero();
      assertThat(report.lostConnections()).isEmpty();
      assertThat(report.localProblem())
          .hasValueSatisfying(p -> assertThat(p).contains("192.0.2.1"));
    }
  }

  @Test
  void comesFromManyAddresses() throws Exception {
    Set<InetAddress> seen = ConcurrentHashMap.newKeySet();
    try (TestServer server =
        TestServer.tcp(
            accepted -> {
              seen.add(accepted.socket().getInetAddress());
              answering(GOOD).apply(accepted);
            })) {
      run(LoadPlan.against(server.address()).withConnections(200));
    }
    assertThat(seen).hasSize(39).allMatch(InetAddress::isLoopbackAddress);
  }

  @Test
  void loadsAUnixSocket(@TempDir Path directory) throws Exception {
    Path path = directory.resolve("s");
    try (TestServer server = TestServer.unix(path, answering(GOOD))) {
      LoadReport report = run(LoadPlan.against(server.address()).withConnections(2_000));

      assertThat(report.served()).isEqualTo(2_000);
      assertThat(report.byWorker()).isEqualTo(Map.of("alpha", 2_000L));
    }
  }

  @Test
  void seesUnixSocketsThatAreMissingOrFull(@TempDir Path directory) throws Exception {
    SocketAddress missing = UnixDomainSocketAddress.of(directory.resolve("missing"));
    assertThat(lost(missing, 10)).isEqualTo(Map.of(Outcome.REFUSED, 10L));

    try (TestServer full = TestServer.unixThatNeverAccepts(directory.resolve("full"))) {
      LoadPlan plan = LoadPlan.against(full.address()).withConnections(8);
      assertThat(run(plan.withTimeouts(SHORT, SHORT)).lostByKind())
          .isEqualTo(Map.of(Outcome.CONNECT_TIMED_OUT, 6L, Outcome.ANSWER_TIMED_OUT, 2L));
    }
  }

  @Test
  void waitsForAFullUnixSocketToHaveRoomAgain(@TempDir Path directory) throws Exception {
    Path path = directory.resolve("crowded");
    try (TestServer server = TestServer.unix(path, answering(GOOD))) {
      LoadReport report =
          run(LoadPlan.against(server.address()).withConcurrency(512).withConnections(4_000));

      assertThat(report.served()).isEqualTo(4_000);
    }
  }

  @Test
  void endsInFlightConnectionsAfterStopAndShowsFiguresMeanwhile() throws Exception {
    CountDownLatch first = new CountDownLatch(1);
    Semaphore answers = new Semaphore(0);
    try (TestServer server =
            TestServer.tcp(
                accepted -> {
                  first.countDown();
                  answers.acquireUninterruptibly();
                  answering(GOOD).apply(accepted);
                });
        LoadGenerator load =
            LoadGenerator.start(LoadPlan.against(server.address()).withConcurrency(4))) {
      first.await();
      LoadReport during = load.snapshot();
      load.stop();
      answers.release(1_000);
      LoadReport end = load.await();

      assertThat(during.over()).isFalse();
      assertThat(during.inFlight()).isEqualTo(4);
      assertThat(end.served()).isEqualTo(4);
      assertThat(load.snapshot()).isSameAs(end);
    }
  }

  @Test
  void abandonsInFlightConnectionsOnClose() throws Exception {
    CountDownLatch first = new CountDownLatch(1);
    try (TestServer server = TestServer.tcp(accepted -> first.countDown())) {
      LoadGenerator load =
          LoadGenerator.start(LoadPlan.against(server.address()).withConcurrency(4));
      first.await();
      load.close();
      load.close();

      LoadReport report = load.await();
      assertThat(report.inFlight()).isEqualTo(4);
      assertThat(report.lost()).isZero();
    }
  }

  @Test
  void endsAfterItsTimeAndKeepsToItsPace() throws Exception {
    try (TestServer server = TestServer.tcp(answering(GOOD))) {
      LoadReport report =
          run(
              LoadPlan.against(server.address())
                  .withLasting(Duration.ofMillis(200))
                  .withPerSecond(500));

      assertThat(report.elapsed()).isGreaterThanOrEqualTo(Duration.ofMillis(200));
      assertThat(report.served()).isBetween(1L, 101L);
    }
  }

  @Test
  void reportsThatTheCallersOwnCodeBrokeTheLoad() throws Exception {
    try (TestServer server = TestServer.tcp(answering(GOOD));
        LoadGenerator load =
            LoadGenerator.start(
                LoadPlan.against(server.address())
                    .withWorkerName(
                        (head, body) -> {
                          throw new IllegalArgumentException("no such worker");
                        }))) {
      assertThatThrownBy(load::await)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("no such worker");
    }
  }

  @Test
  void takesAnyByteOrAnOrderlyEndForAnAnswerWhereItSaysAWord() throws Exception {
    List<TestServer.Treatment> fates =
        List.of(
            answering("+PONG\r\n"),
            answering(""),
            SocketChannel::close,
            accepted -> {
              TestServer.say(accepted, TestServer.request(accepted));
              assertThat(TestServer.request(accepted)).isEmpty(); // the load ends its side
              accepted.close();
            });
    for (TestServer.Treatment fate : fates) {
      try (TestServer server = TestServer.tcp(fate)) {
        LoadReport report = run(word(server));
        assertThat(report.served() + report.count(Outcome.RESET)).isEqualTo(20);
        if (fate != fates.get(2)) { // what closes without reading resets
          assertThat(report.served()).isEqualTo(20);
        }
      }
    }
    try (TestServer server = TestServer.tcp(resettingAfter(""))) {
      assertThat(run(word(server)).lostByKind()).isEqualTo(Map.of(Outcome.RESET, 20L));
    }
  }

  private static LoadPlan word(TestServer server) throws IOException {
    return LoadPlan.against(server.address())
        .withConnections(20)
        .withConcurrency(1)
        .withTimeouts(Duration.ofSeconds(10), Duration.ofSeconds(10))
        .withExchange(Exchange.word("PING\r\n"));
  }

  @Test
  void tellsAListenerOfEachExchangeAndItsMoments() throws Exception {
    AtomicInteger turn = new AtomicInteger();
    List<Long> served = new CopyOnWriteArrayList<>();
    List<Outcome> lost = new CopyOnWriteArrayList<>();
    long from = System.nanoTime();
    LoadListener listener =
        new LoadListener() {
          @Override
          public void served(long began, long ended, String head) {
            assertThat(head).startsWith("HTTP/1.0 200 OK");
            assertThat(began - from).isNotNegative();
            served.add(ended - began);
          }

          @Override
          public void lost(LostConnection connection, long began, long ended) {
            assertThat(ended - began).isNotNegative();
            lost.add(connection.outcome());
          }
        };
    try (TestServer server =
            TestServer.tcp(
                (SocketChannel accepted) ->
                    answering(turn.getAndIncrement() % 4 == 0 ? "" : GOOD).apply(accepted));
        LoadGenerator load =
            LoadGenerator.start(
                LoadPlan.against(server.address()).withConnections(100), listener)) {
      load.await();
    }
    assertThat(served).hasSize(75).allMatch(nanoseconds -> nanoseconds > 0);
    assertThat(lost).hasSize(25).containsOnly(Outcome.CLOSED_UNANSWERED);
  }

  @Test
  void servesMixedFatesEachUnderItsOwnName() throws Exception {
    AtomicInteger turn = new AtomicInteger();
    List<TestServer.Treatment> fates =
        List.of(answering(GOOD), resettingAfter(""), answering(""), resettingAfter("HTTP"));
    try (TestServer server =
        TestServer.tcp(
            (SocketChannel accepted) ->
                fates.get(turn.getAndIncrement() % fates.size()).apply(accepted))) {
      LoadReport report = run(LoadPlan.against(server.address()).withConnections(400));

      assertThat(report.served()).isEqualTo(100);
      assertThat(report.lostByKind())
          .isEqualTo(
              Map.of(
                  Outcome.RESET, 100L,
                  Outcome.RESET_MIDWAY, 100L,
                  Outcome.CLOSED_UNANSWERED, 100L));
    }
  }

  @Test
  void staysOnThisHostUnlessToldOtherwise() throws Exception {
    InetSocketAddress remote = new InetSocketAddress(InetAddress.getByName("192.0.2.1"), 80);

    assertThatThrownBy(() -> LoadPlan.against(remote))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("192.0.2.1");
    assertThat(LoadPlan.againstRemote(remote).sources()).isEmpty();
  }

  private static Map<Outcome, Long> lost(SocketAddress target, long connections)
      throws IOException, InterruptedException {
    LoadReport report = run(LoadPlan.against(target).withConnections(connections));
    assertThat(report.served()).isZero();
    return report.lostByKind();
  }

  private static LoadReport run(LoadPlan plan) throws IOException, InterruptedException {
    try (LoadGenerator load = LoadGenerator.start(plan)) {
      return load.await();
    }
  }
}
