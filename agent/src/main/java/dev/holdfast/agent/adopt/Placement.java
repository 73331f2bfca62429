package dev.holdfast.agent.adopt;

import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
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

  /**
   * In the place of a socket that nobody else has, and that is closed by this. Borrows what it
   * copies. The old one is kept until the end: only so is a selector seen that begins to watch it
   * while this goes on.
   */
  void instead(int borrowed, int under) throws IOException {
    String inode = JdkSockets.inode(under);
    int kept = jdk.dup(under);
    try {
      jdk.dup2(borrowed, under);
      for (Watch each : watches(under, inode)) {
        jdk.control(each.poller(), ADD, under, each.events()); // EEXIST: it did so itself
      }
    } finally {
      jdk.close(kept);
    }
  }

  /**
   * In the place of a listener that lives on elsewhere. Borrows what it copies. Who watched the
   * listener has to be told so before: afterwards the number means another description, and nobody
   * could take that watch away any more.
   */
  void insteadOfShared(int borrowed, int under) throws IOException {
    List<Watch> watches = watches(under, JdkSockets.inode(under));
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

  private static List<Watch> watches(int number, String inode) {
    List<Watch> found = new ArrayList<>();
    String wanted = "ino:" + hexadecimal(inode);
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
        if (words.length > 3
            && words[1].equals(String.valueOf(number))
            && Arrays.asList(words).contains(wanted)) {
          found.add(new Watch(Integer.parseInt(each), Integer.parseUnsignedInt(words[3], 16)));
        }
        at = end < 0 ? -1 : info.indexOf("tfd:", end);
      }
    }
    return found;
  }

  /** {@code socket:[12345]} as fdinfo writes it. */
  private static String hexadecimal(String inode) {
    int from = inode.indexOf('[') + 1;
    int to = inode.indexOf(']');
    return from > 0 && to > from ? Long.toHexString(Long.parseLong(inode.substring(from, to))) : "";
  }
}
