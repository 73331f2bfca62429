package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A listening socket that a library has bound itself, since it takes none from outside, and in
 * whose place another listener is put: its descriptor keeps the number, which is all that the
 * library has of it.
 */
public final class Placeholder {

  private static final Pattern ROW =
      Pattern.compile("tfd:\\s*(\\d+) +events: +(\\w+) +data: +(\\w+) .* ino:(\\w+)");

  /** A row of an epoll's fdinfo (proc(5)): who waits for the socket, and how. */
  private record Watch(OwnedFd epoll, int events, long data) {}

  private Placeholder() {}

  /**
   * Puts the listener in the place of the one socket of this process that listens on the port
   * (dup3(2), close-on-exec). The placeholder is closed thereby, with what was in its queue; an
   * epoll that waits for it waits for the listener instead, in the same way.
   *
   * <p>For servers that poll. A thread that blocks in accept(2) on the placeholder is not moved,
   * nor is what was submitted to io_uring. Nobody may close the placeholder meanwhile, nor change
   * how an epoll waits for it: a server of Netty is to be asked on the event loop that accepts. The
   * library goes on reporting the port that it has bound. Any thread; does not block.
   *
   * @param borrowed stays the caller's; its flags, its backlog and its options stay as they are
   * @throws IOException when no socket of this process, or more than one, listens on the port, or
   *     when the placeholder has O_NONBLOCK and the listener has not, so that the server would
   *     block where it expects to be told that there is nothing to accept; then nothing has changed
   */
  public static void replace(int port, OwnedFd borrowed) throws IOException {
    OwnedFd placeholder = find(port);
    try (OwnedFd kept = placeholder.dup()) {
      if (Sockets.isNonBlocking(kept) && !Sockets.isNonBlocking(borrowed)) {
        throw new IOException(
            "putting a listener in the place of port "
                + port
                + ": the server there polls, and the listener blocks (O_NONBLOCK is off). Open the"
                + " listener without blocking");
      }
      put(borrowed, placeholder.number());
      moveWatches(placeholder, kept);
    } finally {
      int unused = placeholder.release(); // the library's, before and after
    }
  }

  /**
   * An epoll knows a socket by its description and its number, so what waited for the placeholder
   * still waits for that, as long as the copy is there. The server's thread may have begun to wait
   * at any moment until the number was changed: hence they are looked for only now.
   */
  private static void moveWatches(OwnedFd replaced, OwnedFd kept) throws IOException {
    List<Watch> moved = new ArrayList<>();
    try {
      for (Watch watch : watchesOf(replaced.number(), kept.inode())) {
        control(watch, Libc.EPOLL_CTL_ADD, replaced);
        moved.add(watch);
      }
    } catch (IOException e) {
      for (Watch watch : moved) {
        control(watch, Libc.EPOLL_CTL_DEL, replaced);
      }
      put(kept, replaced.number());
      throw e;
    } finally {
      moved.forEach(watch -> watch.epoll().release());
    }
  }

  /**
   * Puts it in the place of a number that somebody else owns and goes on owning.
   *
   * @throws ErrnoException EBADF, EBUSY (another thread is just opening that number)
   */
  public static void put(OwnedFd borrowed, int number) throws ErrnoException {
    if (Libc.dup3(borrowed.number(), number, Libc.O_CLOEXEC) < 0) {
      throw ErrnoException.last("dup3", borrowed + " to descriptor " + number);
    }
  }

  /** Borrowed: the caller has to release it. */
  private static OwnedFd find(int port) throws IOException {
    List<Integer> found = new ArrayList<>();
    for (int number : numbers("/proc/self/fd")) {
      if (isListeningOn(port, number)) {
        found.add(number);
      }
    }
    if (found.size() != 1) {
      throw new IOException(
          "putting a listener in the place of port "
              + port
              + ": "
              + (found.isEmpty()
                  ? "no descriptor of this process listens on it"
                  : found.size() + " descriptors of this process listen on it")
              + ". Bind the server to 127.0.0.1 and port 0, and give"
              + " the port that it got");
    }
    return OwnedFd.own(found.get(0));
  }

  private static boolean isListeningOn(int port, int number) {
    OwnedFd fd = OwnedFd.own(number);
    try {
      if (!isSocket(number)) {
        return false;
      }
      SocketFacts facts = Sockets.facts(fd);
      return facts.isStream() && facts.listening() && !facts.isUnix() && facts.port() == port;
    } catch (ErrnoException e) { // closed since, or not of a kind that has these facts
      return false;
    } finally {
      int unused = fd.release();
    }
  }

  private static boolean isSocket(int number) {
    return link(number).startsWith("socket:");
  }

  private static String link(int number) {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/fd/" + number)).toString();
    } catch (IOException e) { // closed since
      return "";
    }
  }

  /** Their epolls are borrowed. */
  private static List<Watch> watchesOf(int socket, long inode) throws IOException {
    List<Watch> result = new ArrayList<>();
    for (int number : numbers("/proc/self/fd")) {
      if (!link(number).equals("anon_inode:[eventpoll]")) {
        continue;
      }
      try {
        for (String row : Files.readAllLines(Path.of("/proc/self/fdinfo/" + number))) {
          Matcher of = ROW.matcher(row);
          if (of.find()
              && Integer.parseInt(of.group(1)) == socket
              && Long.parseLong(of.group(4), 16) == inode) {
            int events = Integer.parseUnsignedInt(of.group(2), 16);
            long data = Long.parseUnsignedLong(of.group(3), 16);
            result.add(new Watch(OwnedFd.own(number), events, data));
          }
        }
      } catch (NoSuchFileException e) { // closed since: it waits for nothing any more
        result.removeIf(watch -> watch.epoll().number() == number);
      }
    }
    return result;
  }

  private static List<Integer> numbers(String directory) throws IOException {
    try (Stream<Path> links = Files.list(Path.of(directory))) {
      return links.map(link -> Integer.valueOf(link.getFileName().toString())).toList();
    }
  }

  private static void control(Watch watch, int operation, OwnedFd socket) throws ErrnoException {
    try (Memory event = new Memory(16)) {
      event.clear();
      event.setInt(0, watch.events());
      event.setLong(Poller.DATA, watch.data());
      if (Libc.epoll_ctl(watch.epoll().number(), operation, socket.number(), event) < 0) {
        throw ErrnoException.last("epoll_ctl", "descriptor " + socket);
      }
    }
  }
}
