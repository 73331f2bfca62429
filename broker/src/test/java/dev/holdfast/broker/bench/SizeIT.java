package dev.holdfast.broker.bench;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Brokers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What the broker takes of a machine while nothing is asked of it. */
@Tag("bench")
@Timeout(600)
class SizeIT {
  private static final int BUSY = 30_000;
  private static final int LEASES = 1_000;

  /** Beyond the ten seconds after which the broker gives memory back. */
  private static final Duration QUIET = Duration.ofSeconds(15);

  private static final Duration IDLE = Duration.ofSeconds(10);

  /** epoll_wait and epoll_pwait on x86_64, epoll_pwait on aarch64 (syscalls(2)). */
  private static final Set<String> EPOLL_WAITS = Set.of("232", "281", "22");

  @RegisterExtension final Brokers brokers = new Brokers();
  @RegisterExtension final Report report = new Report();

  @Test
  void isSmallAndSleepsWithAThousandLeases() throws Exception {
    CProgram client = brokers.keep(CProgram.compile("handover"));
    BrokerProcess broker = brokers.start("web");
    client.run("take", broker.socket(), "web", BUSY);
    brokers.keep(client.start("hold", broker.socket(), "web", LEASES));
    double busy = ProcessFacts.residentMebibytes(broker.pid());
    let(QUIET);
    Samples resident = new Samples("MiB");
    resident.add(ProcessFacts.residentMebibytes(broker.pid()));
    report.value(
        "resident with 1,000 leases, after " + BUSY + " hand-overs", resident, Goal.atMost(64));
    report.note("right after them it was " + Samples.number(busy) + " MiB");

    Map<String, Long> before = ProcessFacts.switches(broker.pid());
    String loop = loopThread(broker.pid(), before);
    let(IDLE);
    Map<String, Long> woken = ProcessFacts.since(before, ProcessFacts.switches(broker.pid()));
    Samples ours = new Samples("wake-ups");
    ours.add(woken.getOrDefault(loop, 0L));
    report.value("the loop in " + IDLE.toSeconds() + " s of idleness", ours, Goal.atMost(0));
    report.note("threads of the JVM itself: " + named(woken, loop));
  }

  /** The one that waits in epoll. Its name is the launcher's: the JVM names only what it starts. */
  private static String loopThread(long pid, Map<String, Long> threads) throws IOException {
    for (String thread : threads.keySet()) {
      Path task = Path.of("/proc/" + pid + "/task/" + thread.replaceAll(".* ", ""));
      if (EPOLL_WAITS.contains(Files.readString(task.resolve("syscall")).split(" ", 2)[0])) {
        return thread;
      }
    }
    throw new AssertionError("no thread waits in epoll: " + threads.keySet());
  }

  private static Map<String, Long> named(Map<String, Long> woken, String without) {
    Map<String, Long> rest = new TreeMap<>(woken);
    rest.remove(without);
    return rest;
  }

  /** Lets time pass: there is no event to wait for when nothing is to happen. */
  private static void let(Duration pass) {
    long end = System.nanoTime() + pass.toNanos();
    for (long left = pass.toNanos(); left > 0; left = end - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }
}
