package dev.holdfast.agent.demo;

import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.agent.load.LostConnection;
import dev.holdfast.agent.load.Outcome;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the load lost, by who had it when it was lost. What cannot be shown to have been accepted by
 * a killed worker counts as queued: the promise is about that, so doubt counts against it.
 *
 * @param withKilledWorker accepted by a worker that was killed, and lost with it
 * @param undecided lost at the moment of a kill by a worker that may have died between accept(2)
 *     and writing it down; at most one for each kill
 * @param queued all others
 * @param byKind the same losses, as the clients saw them
 */
record Losses(long withKilledWorker, long undecided, long queued, Map<Outcome, Long> byKind) {

  /** A reset travels to the client after the process is gone, and is seen by a busy thread. */
  private static final Duration SEEN_WITHIN = Duration.ofSeconds(5);

  Losses {
    byKind = Map.copyOf(byKind);
  }

  static Losses of(LoadReport load, Collection<Worker> workers) throws DemoException {
    Set<LostConnection> unexplained = new HashSet<>(load.lostConnections());
    long withKilledWorker = 0;
    long undecided = 0;
    for (Worker worker : workers) {
      Worker.Kill kill = worker.kill();
      if (kill == null) {
        continue;
      }
      Set<String> had = unfinished(worker.acceptLog());
      int before = unexplained.size();
      unexplained.removeIf(lost -> fits(lost, kill) && had.contains(client(lost)));
      withKilledWorker += before - unexplained.size();
      // One that takes one at a time was not in accept(2) if it had a client.
      if (!worker.oneAtATime() || had.isEmpty()) {
        undecided +=
            unexplained.stream()
                .filter(lost -> fits(lost, kill))
                .findFirst()
                .filter(unexplained::remove)
                .stream()
                .count();
      }
    }
    // The report describes the first thousand only, so what is left is counted from the total.
    long queued = load.lost() - withKilledWorker - undecided;
    return new Losses(withKilledWorker, undecided, queued, load.lostByKind());
  }

  private static Set<String> unfinished(@Nullable Path acceptLog) throws DemoException {
    try {
      return acceptLog == null ? Set.of() : AcceptLog.unfinished(acceptLog);
    } catch (IOException e) {
      throw new DemoException("read what the killed worker had accepted, " + acceptLog, e);
    }
  }

  /** Whether it can be that kill's: open when it came, and cut off by it. */
  private static boolean fits(LostConnection lost, Worker.Kill kill) {
    boolean cutOff =
        switch (lost.outcome()) {
          case RESET, RESET_MIDWAY, CLOSED_UNANSWERED, BAD_ANSWER, CUT -> true;
          case OK, REFUSED, CONNECT_TIMED_OUT, ANSWER_TIMED_OUT, LOCAL -> false;
        };
    return cutOff
        && lost.began().isBefore(kill.done())
        && !lost.ended().isBefore(kill.asked())
        && lost.ended().isBefore(kill.done().plus(SEEN_WITHIN));
  }

  private static String client(LostConnection lost) {
    return lost.local() == null
        ? ""
        : lost.local().getAddress().getHostAddress() + ":" + lost.local().getPort();
  }
}
