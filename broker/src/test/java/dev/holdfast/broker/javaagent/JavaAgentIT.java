package dev.holdfast.broker.javaagent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.javaagent.ListenerWatch.Shared;
import dev.holdfast.broker.services.Ledger;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.SocketIdentity;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Servers that never heard of a broker serve on its listeners by nothing but a word on their
 * command line, and a new version takes the place of the old one without a loss.
 */
@Timeout(3600)
class JavaAgentIT {
  private static final boolean PROOF = Boolean.getBoolean("holdfast.proof");
  private static final int WORKERS = PROOF ? 2 : 1;
  private static final int ROLLOUTS = PROOF ? 20 : 1;
  private static final int IN_FLIGHT = 16;

  /** Each waits most of its time, and all at once would be more than two cores can do. */
  private static final int AT_A_TIME = 4;

  /** Beside the load there must be room for JVMs that start; 0 is as many as there can be. */
  private static final int PER_SECOND = PROOF ? 0 : 500;

  private static final Shared AS_THE_BROKER_SET_IT = new Shared(true, true, Deployed.BACKLOG);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @RegisterExtension final Stage stage = new Stage();

  /** All at once in one broker, since most of their time is that of their starts. */
  @TestFactory
  Stream<DynamicTest> everyServerIsReplacedWithoutALoss() throws Exception {
    List<Deployed> all = new ArrayList<>();
    for (JvmServer each : JvmServer.values()) {
      all.add(Deployed.in(stage, each, WORKERS));
    }
    stage.start();
    Set<Integer> ports = all.stream().map(Deployed::port).collect(Collectors.toSet());
    ListenerWatch watch = stage.keep(ListenerWatch.of(stage.broker(), ports));
    ExecutorService some = Executors.newFixedThreadPool(AT_A_TIME);
    List<DynamicTest> tests = new ArrayList<>();
    for (Deployed each : all) {
      Future<?> end = some.submit(() -> isReplaced(each, watch));
      tests.add(DynamicTest.dynamicTest(each.title(), () -> awaitEnd(end)));
    }
    some.shutdown();
    return tests.stream();
  }

  private static void awaitEnd(Future<?> end) throws Exception {
    try {
      Object unused = end.get();
    } catch (ExecutionException e) {
      throw new AssertionError(e.getCause().getMessage(), e.getCause());
    }
  }

  private Void isReplaced(Deployed deployed, ListenerWatch watch) throws Exception {
    long inode = ListeningSocket.inode(deployed.port()).orElseThrow();
    Set<Integer> pids = new TreeSet<>(deployed.awaitRunning().pids());
    for (int pid : pids) {
      assertListensOnNothingBut(inode, pid);
    }
    List<String> versions = new ArrayList<>(List.of(deployed.version()));
    Traffic.Total total;
    try (Traffic traffic = deployed.traffic(IN_FLIGHT, PER_SECOND)) {
      awaitServed(traffic, deployed.version());
      for (int rollout = 1; rollout <= ROLLOUTS; rollout++) {
        deployed.putNextVersion();
        deployed.restart();
        versions.add(deployed.version());
        Set<Integer> now = deployed.awaitRunning().pids();
        assertThat(pids).doesNotContainAnyElementsOf(now);
        for (int pid : now) {
          assertListensOnNothingBut(inode, pid);
        }
        pids.addAll(now);
        awaitServed(traffic, deployed.version());
      }
      total = traffic.end();
    }
    // Here, beside the other ones, it costs no time of its own.
    var unused = deployed.service().succeed("stop");
    note(deployed, total);

    assertThat(total.lost()).as("lost").isEmpty();
    for (int next = 1; next < versions.size() && !deployed.server().isWokenAlone(); next++) {
      assertThat(total.spans().get(versions.get(next)).first())
          .as("first that %s served, beside the old ones", versions.get(next))
          .isLessThan(total.spans().get(versions.get(next - 1)).last());
    }
    if (deployed.server().saysPidAndPort()) {
      assertThat(total.served().keySet())
          .allSatisfy(
              answer -> {
                assertThat(answer.pid().orElseThrow()).isIn(pids);
                assertThat(answer.port()).hasValue(deployed.port());
              });
    }
    assertThat(watch.seen(deployed.port()))
        .as("what all workers share of the listener")
        .containsExactly(AS_THE_BROKER_SET_IT);
    return null;
  }

  private static void note(Deployed deployed, Traffic.Total total) throws IOException {
    long served = total.served().values().stream().mapToLong(Long::longValue).sum();
    Ledger.note(
        "javaagent, %s: %d restarts of %d workers, %d connections in flight: %d served, lost %s"
            .formatted(
                deployed,
                ROLLOUTS,
                WORKERS,
                IN_FLIGHT,
                served,
                total.lost().isEmpty() ? "nothing" : total.lost()));
  }

  /** It has the broker's listener, and no other of any port. */
  private static void assertListensOnNothingBut(long inode, int pid) throws IOException {
    Set<Long> sockets = SocketIdentity.inodesOf(pid);
    sockets.retainAll(ListeningSocket.ports().keySet());
    assertThat(sockets).as("sockets on which pid %d listens", pid).containsExactly(inode);
  }

  private static void awaitServed(Traffic traffic, String version) {
    Await.until(
        PATIENCE,
        () -> "answers of " + version + ": " + traffic.served(),
        () -> count(traffic, version) > 0);
  }

  private static long count(Traffic traffic, String version) {
    return traffic.served().entrySet().stream()
        .filter(each -> each.getKey().worker().equals(version))
        .mapToLong(Map.Entry::getValue)
        .sum();
  }
}
