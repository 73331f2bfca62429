package dev.holdfast.broker.workers;

import dev.holdfast.listener.LeaseId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/**
 * What lives of a worker whose main process has ended. Takes a look at all processes: not for the
 * loop's thread.
 *
 * @param members in its process groups
 * @param kin those with its lease in their environment, wherever they went; the oldest first
 */
record Leftovers(List<ProcessFacts> members, List<ProcessFacts> kin) {

  /** A host on which processes begin all the time would have us look for ever. */
  private static final int MOST_LOOKS = 50;

  /**
   * Looks. One that forks and ends while we look (a daemon does so, twice) was there when /proc was
   * listed and is gone when it is read, and its child was not listed: that nobody is left is only
   * known when no process has begun since the last look.
   *
   * @param withKin whether kin is asked for; it costs more
   */
  static Leftovers look(Set<Integer> groups, LeaseId lease, boolean withKin) {
    List<ProcessFacts> members = new ArrayList<>();
    List<ProcessFacts> kin = new ArrayList<>();
    Set<Integer> before = Set.of();
    for (int i = 0; i < MOST_LOOKS && members.isEmpty() && kin.isEmpty(); i++) {
      Set<Integer> now = ProcessFacts.pids();
      if (before.containsAll(now)) {
        break;
      }
      for (int pid : now) {
        if (!before.contains(pid)) {
          ProcessFacts.of(pid)
              .filter(ProcessFacts::isAlive)
              .ifPresent(each -> sort(each, groups, lease, withKin, members, kin));
        }
      }
      before = now;
    }
    Comparator<ProcessFacts> oldest =
        Comparator.comparingLong(ProcessFacts::started).thenComparingInt(ProcessFacts::pid);
    members.sort(oldest);
    kin.sort(oldest);
    return new Leftovers(members, kin);
  }

  private static void sort(
      ProcessFacts process,
      Set<Integer> groups,
      LeaseId lease,
      boolean withKin,
      List<ProcessFacts> members,
      List<ProcessFacts> kin) {
    boolean member = process.group() != 0 && groups.contains(process.group());
    if (member) {
      members.add(process);
    }
    if (withKin && (member || process.has(lease))) {
      kin.add(process);
    }
  }
}
