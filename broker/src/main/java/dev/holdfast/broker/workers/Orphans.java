package dev.holdfast.broker.workers;

import dev.holdfast.fd.Children;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.function.IntPredicate;

/** Children that nobody made: their parents ended, and the broker is next in line. */
final class Orphans {

  private Orphans() {}

  /** Reaps those that have ended and are nobody's. */
  static void reap(IntPredicate owned) {
    for (int pid = Children.peekEnded(); pid != 0; pid = Children.peekEnded()) {
      if (owned.test(pid)) {
        reapBehind(owned); // waitid(2) shows this one again and again
        return;
      }
      Children.reap(pid);
    }
  }

  private static void reapBehind(IntPredicate owned) {
    for (int pid : children()) {
      if (!owned.test(pid)) {
        Children.reap(pid); // does nothing to one that lives
      }
    }
  }

  /** Empty where the kernel was built without CONFIG_PROC_CHILDREN. */
  private static Set<Integer> children() {
    Set<Integer> result = new HashSet<>();
    String[] threads = new File("/proc/self/task").list();
    for (String thread : threads == null ? new String[0] : threads) {
      try {
        Path file = Path.of("/proc/self/task/" + thread + "/children");
        for (String pid : Files.readString(file, StandardCharsets.US_ASCII).split(" ", -1)) {
          if (!pid.isBlank()) {
            result.add(Integer.valueOf(pid.trim()));
          }
        }
      } catch (IOException e) {
        // the thread has ended, and its children are another's
      }
    }
    return result;
  }
}
