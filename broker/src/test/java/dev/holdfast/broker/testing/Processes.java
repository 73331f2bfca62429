package dev.holdfast.broker.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** The processes of this machine, as /proc shows them (proc(5)). */
public final class Processes {

  /**
   * One process at one moment.
   *
   * @param state a letter: Z is a zombie, T is stopped
   */
  public record Entry(int pid, String name, char state, int parent, int group) {
    public boolean isZombie() {
      return state == 'Z';
    }
  }

  private Processes() {}

  public static List<Entry> all() throws IOException {
    List<Entry> all = new ArrayList<>();
    try (Stream<Path> entries = Files.list(Path.of("/proc"))) {
      for (Path each : entries.toList()) {
        if (Character.isDigit(each.getFileName().toString().charAt(0))) {
          of(Integer.parseInt(each.getFileName().toString())).ifPresent(all::add);
        }
      }
    }
    return all;
  }

  /** Empty when there is none of that pid. */
  public static Optional<Entry> of(int pid) {
    try {
      String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
      int end = stat.lastIndexOf(')');
      String[] rest = stat.substring(end + 2).split(" ", -1);
      return Optional.of(
          new Entry(
              pid,
              stat.substring(stat.indexOf('(') + 1, end),
              rest[0].charAt(0),
              Integer.parseInt(rest[1]),
              Integer.parseInt(rest[2])));
    } catch (IOException e) {
      return Optional.empty(); // It has ended meanwhile.
    }
  }

  public static List<Entry> that(Predicate<Entry> condition) throws IOException {
    return all().stream().filter(condition).toList();
  }

  /** Those whose parent it is. */
  public static List<Entry> childrenOf(int pid) throws IOException {
    return that(each -> each.parent() == pid);
  }

  public static boolean isGone(int pid) {
    return of(pid).map(Entry::isZombie).orElse(true);
  }

  /** Waits for the end of a process that is not ours; its parent may not have reaped it yet. */
  public static void awaitGone(int pid) {
    Await.until(() -> "the end of " + of(pid), () -> isGone(pid));
  }
}
