package dev.holdfast.agent.adopt;

import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Puts another socket under a descriptor number that the program has, dup2(2).
 *
 * <p>An epoll instance knows a description, not a number: what waited on the number before would
 * wait for ever, or be woken for a socket that it does not have any more. So each one in this
 * process that watches the number is told to watch what is there now, for the same events.
 */
final class Placement {

  private static final int ADD = 1;
  private static final int DELETE = 2;

  private record Watch(int poller, int events) {}

  private final JdkSockets jdk;

  Placement(JdkSockets jdk) {
    this.jdk = jdk;
  }

  /** Borrows what it copies; what was under the number is closed there. */
  void put(int borrowed, int under) throws IOException {
    List<Watch> watches = watches(under);
    for (Watch each : watches) {
      jdk.control(each.poller(), DELETE, under, 0); // ENOENT: somebody was faster
    }
    try {
      jdk.dup2(borrowed, under);
    } finally {
      for (Watch each : watches) {
        jdk.control(each.poller(), ADD, under, each.events()); // EEXIST: likewise
      }
    }
  }

  private static List<Watch> watches(int number) {
    List<Watch> found = new ArrayList<>();
    String[] open = new File("/proc/self/fdinfo").list();
    if (open == null) {
      return found; // no /proc: what was inherited was not found either
    }
    for (String each : open) {
      String info;
      try {
        info = JdkSockets.read("/proc/self/fdinfo/" + each);
      } catch (IOException e) {
        continue; // closed since it was listed
      }
      int at = info.indexOf("tfd:");
      while (at >= 0) {
        int end = info.indexOf('\n', at);
        String line = info.substring(at, end < 0 ? info.length() : end);
        String[] words = line.trim().split("[ \t]+", -1);
        if (words.length > 3 && words[1].equals(String.valueOf(number))) {
          found.add(new Watch(Integer.parseInt(each), Integer.parseUnsignedInt(words[3], 16)));
        }
        at = end < 0 ? -1 : info.indexOf("tfd:", end);
      }
    }
    return found;
  }
}
