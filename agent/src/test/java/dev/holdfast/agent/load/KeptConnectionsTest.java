package dev.holdfast.agent.load;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class KeptConnectionsTest {
  private static final String GOOD =
      "HTTP/1.1 200 OK\r\nX-Worker: a\r\nContent-Length: 3\r\n\r\nok\n";
  private static final String LAST = GOOD.replace("X-", "Connection: close\r\nX-");

  /** Answers until the client says that it was the last. */
  private static void answerAll(SocketChannel accepted) throws IOException {
    boolean last = false;
    while (!last) {
      String request = TestServer.request(accepted);
      last = request.isEmpty() || request.contains("Connection: close");
      TestServer.say(accepted, last ? LAST : GOOD);
    }
    accepted.close();
  }

  @Test
  void asksAsOftenAsItMayOnEachConnection() throws Exception {
    try (TestServer server = TestServer.tcp(KeptConnectionsTest::answerAll)) {
      LoadReport report = run(server, 10, WorkerName.standard());

      assertThat(report.started()).isEqualTo(5);
      assertThat(report.requests()).isEqualTo(50);
      assertThat(report.served()).isEqualTo(50);
      assertThat(report.latencies().count()).isEqualTo(50);
      assertThat(report.byWorker()).isEqualTo(Map.of("a", 50L));
      assertThat(report.closedIdle()).isZero();
      assertThat(report.lost()).isZero();
      assertThat(report.inFlight()).isZero();
    }
  }

  @Test
  void takesAnAnnouncedEndForWhatItIs() throws Exception {
    try (TestServer server =
        TestServer.tcp(
            accepted -> {
              TestServer.request(accepted);
              TestServer.say(accepted, LAST);
              accepted.close();
            })) {
      LoadReport report = run(server, 10, WorkerName.none());

      assertThat(report.served()).isEqualTo(5);
      assertThat(report.requests()).isEqualTo(5);
      assertThat(report.closedIdle()).isZero();
    }
  }

  @Test
  void losesNothingWhenTheServerClosesBetweenTwoRequests() throws Exception {
    for (boolean reset : new boolean[] {false, true}) {
      Semaphore closed = new Semaphore(0);
      try (TestServer server =
          TestServer.tcp(
              accepted -> {
                TestServer.request(accepted);
                TestServer.say(accepted, GOOD);
                if (reset) {
                  accepted.setOption(StandardSocketOptions.SO_LINGER, 0);
                }
                accepted.close();
                closed.release();
              })) {
        // The answer is there, and the next request is not written before it was looked at.
        WorkerName waiting =
            (head, body) -> {
              closed.acquireUninterruptibly();
              return WorkerName.standard().in(head, body);
            };
        LoadReport report = run(server, 10, waiting);

        assertThat(report.served()).isEqualTo(5);
        assertThat(report.requests()).isEqualTo(5);
        assertThat(report.lost()).isZero();
        if (!reset) { // A reset may overtake the answer's end, and then is no close of its own.
          assertThat(report.closedIdle()).isEqualTo(5);
        }
      }
    }
  }

  @Test
  void namesARequestThatAWorkerThrewAwayCut() throws Exception {
    for (boolean reset : new boolean[] {false, true}) {
      try (TestServer server =
          TestServer.tcp(
              accepted -> {
                TestServer.request(accepted);
                TestServer.say(accepted, GOOD);
                TestServer.request(accepted);
                if (reset) {
                  accepted.setOption(StandardSocketOptions.SO_LINGER, 0);
                }
                accepted.close();
              })) {
        LoadReport report = run(server, 10, WorkerName.none());

        assertThat(report.served()).isEqualTo(5);
        assertThat(report.requests()).isEqualTo(10);
        assertThat(report.lostByKind()).isEqualTo(Map.of(Outcome.CUT, 5L));
        assertThat(report.closedIdle()).isZero();
        assertThat(report.lostConnections())
            .allSatisfy(lost -> assertThat(lost.detail()).contains("that had carried 1"));
      }
    }
  }

  @Test
  void stillCallsTheFirstRequestOfAConnectionClosedUnanswered() throws Exception {
    try (TestServer server =
        TestServer.tcp(
            accepted -> {
              TestServer.request(accepted);
              accepted.close();
            })) {
      assertThat(run(server, 10, WorkerName.none()).lostByKind())
          .isEqualTo(Map.of(Outcome.CLOSED_UNANSWERED, 5L));
    }
  }

  @Test
  void keepsNoConnectionOfAnHttp10Server() throws Exception {
    try (TestServer server =
        TestServer.tcp(
            accepted -> {
              TestServer.request(accepted);
              TestServer.say(accepted, GOOD.replace("1.1", "1.0"));
              accepted.close();
            })) {
      LoadReport report = run(server, 10, WorkerName.none());

      assertThat(report.served()).isEqualTo(5);
      assertThat(report.closedIdle()).isZero();
    }
  }

  @Test
  void asksNoMoreOnceItIsStopped() throws Exception {
    Semaphore asked = new Semaphore(0);
    try (TestServer server =
            TestServer.tcp(
                accepted -> {
                  while (!TestServer.request(accepted).isEmpty()) {
                    asked.release();
                    TestServer.say(accepted, GOOD);
                  }
                  accepted.close();
                });
        LoadGenerator load =
            LoadGenerator.start(
                LoadPlan.against(server.address())
                    .withConcurrency(1)
                    .withExchange(Exchange.http11("/", 1_000_000)))) {
      asked.acquire(3);
      load.stop();
      LoadReport report = load.await();

      assertThat(report.started()).isEqualTo(1);
      assertThat(report.served()).isEqualTo(report.requests()).isGreaterThanOrEqualTo(3);
      assertThat(load.awaitEnd(Duration.ZERO)).isTrue();
    }
  }

  private static LoadReport run(TestServer server, int requestsEach, WorkerName name)
      throws IOException, InterruptedException {
    LoadPlan plan =
        LoadPlan.against(server.address())
            .withConcurrency(1)
            .withConnections(5)
            .withWorkerName(name)
            .withExchange(Exchange.http11("/", requestsEach));
    try (LoadGenerator load = LoadGenerator.start(plan)) {
      return load.await();
    }
  }
}
