package dev.holdfast.broker.control;

import dev.holdfast.broker.core.Offered;
import dev.holdfast.broker.core.SocketKind;
import dev.holdfast.broker.core.SocketProof;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.SocketFacts;
import dev.holdfast.fd.Sockets;
import dev.holdfast.listener.ListenerName;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the kernel says of descriptors that workers bring back. */
final class OfferedSockets {

  private static final Pattern LINK = Pattern.compile("socket:\\[([0-9]{1,19})]");

  /**
   * A Unix socket at a path is bound beside it, and renamed: getsockname(2) tells its first name.
   */
  private static final Pattern BORN =
      Pattern.compile("(?<scheme>unix|seqpacket|unixgram):(?<directory>/(?:.*/)?)\\.hf[0-9]+");

  private OfferedSockets() {}

  /**
   * Looks at a descriptor; whatever it is, the result says so, and it is for the state to say that
   * it is another thing than was lent.
   *
   * @param number ours for it
   * @param claimed the endpoint that the worker names
   */
  static Offered look(ListenerName listener, long number, OwnedFd borrowed, String claimed) {
    try {
      SocketFacts facts = Sockets.facts(borrowed);
      return new Offered(
          listener,
          number,
          endpoint(facts.address(), claimed),
          kind(facts),
          facts.listening(),
          new SocketProof(inode(borrowed), facts.cookie(), null));
    } catch (IOException | IllegalArgumentException e) {
      return new Offered(
          listener, number, what(borrowed), SocketKind.STREAM, false, SocketProof.NONE);
    }
  }

  private static SocketKind kind(SocketFacts facts) {
    if (facts.isStream()) {
      return SocketKind.STREAM;
    }
    return facts.isDatagram() ? SocketKind.DATAGRAM : SocketKind.SEQPACKET;
  }

  /**
   * The socket's own address; for one that was renamed, what the worker says, if it is in the same
   * directory. Inode and cookie tell whether that is true.
   */
  static String endpoint(String address, String claimed) {
    Matcher born = BORN.matcher(address);
    if (!born.matches()) {
      return address;
    }
    String beginning = born.group("scheme") + ":" + born.group("directory");
    boolean beside = claimed.startsWith(beginning) && claimed.indexOf('/', beginning.length()) < 0;
    return beside ? claimed : address;
  }

  /** Its number on sockfs. */
  static long inode(OwnedFd borrowed) throws IOException {
    String link = Files.readSymbolicLink(Path.of("/proc/self/fd/" + borrowed.number())).toString();
    Matcher matcher = LINK.matcher(link);
    return matcher.matches() ? Long.parseUnsignedLong(matcher.group(1)) : 0;
  }

  private static String what(OwnedFd borrowed) {
    try {
      return "no such socket, but a " + StoredDescriptors.kind(borrowed);
    } catch (ErrnoException e) {
      return "no socket";
    } catch (IOException e) {
      return "no socket";
    }
  }
}
