package dev.holdfast.agent.adopt;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The sockets that this process was started with, as sd_listen_fds(3) has them: by {@code holdfast
 * exec}, by a broker that runs it as a service, or by systemd.
 */
final class InheritedSockets {

  private static final int FIRST = 3;
  private static final int MOST = 1024;

  private InheritedSockets() {}

  /**
   * What was passed to this process; nothing where the variables were meant for another. A wrapper
   * that forks the JVM keeps the variables and the descriptors, but not the pid: so what counts is
   * that all of them are sockets here. A JVM that another JVM starts has none of them.
   *
   * @throws IOException when they are meant for this process, and cannot be right
   */
  static List<Offer> find(Map<String, String> environment, String pid, JdkSockets jdk)
      throws IOException {
    int count = count(environment.get("LISTEN_FDS"));
    String names = environment.get("LISTEN_FDNAMES");
    String[] split = names == null ? new String[0] : names.split(":", -1);
    boolean isMeantForUs = pid.equals(environment.get("LISTEN_PID"));
    List<Offer> offers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int number = FIRST + i;
      if (!isSocket(number)) {
        if (isMeantForUs) {
          throw new IOException(
              "take the sockets that LISTEN_FDS="
                  + count
                  + " speaks of: descriptor "
                  + number
                  + " is none");
        }
        return List.of();
      }
      offers.add(offer(i < split.length ? split[i] : "unknown", number, jdk));
    }
    return offers;
  }

  private static int count(@Nullable String text) throws IOException {
    if (text == null || text.isEmpty()) {
      return 0;
    }
    try {
      int count = Integer.parseInt(text);
      if (count >= 0 && count <= MOST) {
        return count;
      }
    } catch (NumberFormatException e) {
      throw new IOException("LISTEN_FDS is \"" + text + "\", which is no number", e);
    }
    throw new IOException("LISTEN_FDS is " + text + "; 1 to " + MOST + " make sense");
  }

  private static boolean isSocket(int number) {
    return JdkSockets.inode(number).startsWith("socket:");
  }

  /** What the descriptor is, borrowed. */
  static Offer offer(String name, int number, JdkSockets jdk) throws IOException {
    boolean datagram = jdk.type(number) == JdkSockets.DATAGRAM;
    if (jdk.isUnix(number)) {
      return new Offer(name, datagram, null, 0, jdk.localUnixAddress(number), number);
    }
    InetSocketAddress bound = jdk.localAddress(number);
    return new Offer(name, datagram, bound.getAddress(), bound.getPort(), "", number);
  }
}
