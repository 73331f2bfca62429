package dev.holdfast.broker.workers;

import dev.holdfast.broker.core.Event;
import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.NotifyListener;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.TruncatedDescriptorsException;
import dev.holdfast.fd.Watcher;
import dev.holdfast.listener.LeaseId;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A socket for sd_notify(3) for each lease whose program may speak that way; what comes over it is
 * that program's word. Whoever knows its name and may write to it speaks for the program, so the
 * name is random, behind the lease by which another broker finds it, nobody may list the directory,
 * and only the program's uid may write. Paths, since an abstract name ends at a network namespace.
 * Owns the sockets and their directory. The loop's thread.
 */
public final class NotifySockets implements AutoCloseable {

  /** What is not for the state, but for whoever has the program's process. */
  interface Supervision {

    /** MAINPID=, not to be believed unseen. */
    void mainProcess(LeaseId lease, int pid);

    /** FDSTORE=1. Ownership moves in any case. */
    void store(LeaseId lease, OwnedFd moved, String name, boolean watched);

    /** FDSTOREREMOVE=1. */
    void remove(LeaseId lease, String name);
  }

  /** One that a successor gets. All is borrowed; the path goes along. */
  public record Handed(LeaseId lease, Path path, OwnedFd socket) {}

  /** Characters of 64 bits, which end a name. */
  private static final int RANDOM = 16;

  /** Characters that a socket's name adds to the path of the directory, with a lease of ours. */
  public static final int NAME = 1 + 20 + 1 + RANDOM;

  private static final Pattern NAMED =
      Pattern.compile("([A-Za-z0-9._-]{1,64})-[0-9a-f]{" + RANDOM + "}");

  /** So that a program that talks all the time leaves the loop to others. */
  private static final int MOST_IN_A_TURN = 64;

  private final Poller poller;
  private final Consumer<Event> events;
  private final Path directory;
  private final Disposal disposal = new Disposal();
  private final Map<LeaseId, NotifyListener> sockets = new HashMap<>();
  private final ByteBuffer room = ByteBuffer.allocate(NotifyMessage.MOST);
  private boolean made; // the directory
  private @Nullable Map<String, Path> left; // by a predecessor, by lease; null: not looked yet
  private @Nullable Supervision supervision;

  /**
   * Makes nothing yet.
   *
   * @param directory for the sockets of this broker alone; what is in it was left by a predecessor
   */
  public NotifySockets(Poller poller, Consumer<Event> events, Path directory) {
    this.poller = poller;
    this.events = events;
    this.directory = directory;
  }

  void tell(Supervision moreTo) {
    supervision = moreTo;
  }

  /**
   * Opens one for a lease that has none.
   *
   * @param uid of the program
   * @return the value for NOTIFY_SOCKET
   */
  public String open(LeaseId lease, int uid) throws IOException {
    makeDirectory();
    Path path = directory.resolve(lease + "-" + HexFormat.of().formatHex(random()));
    open(lease, path, uid);
    return path.toString();
  }

  /**
   * Opens the one of a lease again that a predecessor had before it was killed: the program knows
   * its path. What was said meanwhile is lost.
   *
   * @throws IOException also when none is left
   */
  public String reopen(LeaseId lease, int uid) throws IOException {
    Path path = left().get(lease.value());
    if (path == null) {
      throw new IOException("no notify socket of lease " + lease + " is left in " + directory);
    }
    makeDirectory();
    Files.deleteIfExists(path);
    open(lease, path, uid);
    return path.toString();
  }

  /** Goes on with one that a living predecessor has bound. */
  public void adopt(LeaseId lease, Path path, OwnedFd moved) throws ErrnoException {
    watch(lease, NotifyListener.adopt(path, moved));
    made = true;
  }

  /** What a successor needs to {@link #adopt} them. */
  public List<Handed> handOver() {
    List<Handed> all = new ArrayList<>();
    sockets.forEach((lease, socket) -> all.add(new Handed(lease, socket.path(), socket.fd())));
    return all;
  }

  /** Closes our descriptors and nothing else: a successor has the sockets and their directory. */
  public void letGo() {
    sockets.values().forEach(NotifyListener::letGo);
    sockets.clear();
    made = false;
  }

  /** Removes what a predecessor left of leases that are not known any more. */
  public void sweep(Set<LeaseId> known) {
    try {
      for (Map.Entry<String, Path> each : left().entrySet()) {
        LeaseId lease = new LeaseId(each.getKey());
        if (!known.contains(lease) && !sockets.containsKey(lease)) {
          Files.deleteIfExists(each.getValue());
        }
      }
    } catch (IOException e) {
      events.accept(
          new Event.Warned(null, "notify sockets that were left behind: " + e.getMessage()));
    }
    left = null;
  }

  /** What bears a name that we would have given. */
  private Map<String, Path> left() throws IOException {
    Map<String, Path> known = left;
    if (known != null) {
      return known;
    }
    Map<String, Path> found = new HashMap<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(directory)) {
      for (Path each : all) {
        Matcher name = NAMED.matcher(each.getFileName().toString());
        if (name.matches()) {
          found.put(name.group(1), each);
        }
      }
    } catch (NoSuchFileException e) {
      // nothing is left
    } catch (DirectoryIteratorException e) {
      throw new IOException(directory + ": " + e.getMessage(), e);
    }
    left = found;
    return found;
  }

  private void open(LeaseId lease, Path path, int uid) throws IOException {
    NotifyListener socket;
    try {
      socket = bind(path, uid);
    } catch (IllegalArgumentException e) {
      throw new IOException("notify socket: " + e.getMessage() + "; take a shorter directory", e);
    }
    try {
      watch(lease, socket);
    } catch (ErrnoException e) {
      socket.close();
      throw e;
    }
  }

  private void watch(LeaseId lease, NotifyListener socket) throws ErrnoException {
    poller.add(socket.fd(), Poller.READABLE, (Watcher) ready -> receive(lease, socket));
    sockets.put(lease, socket);
  }

  /** Not from SecureRandom: it would keep descriptors open, and costs a broker's start. */
  private static byte[] random() throws IOException {
    try (InputStream source = Files.newInputStream(Path.of("/dev/urandom"))) {
      return source.readNBytes(RANDOM / 2);
    }
  }

  /** Whoever may not give files away lets everybody write: who does not know the name cannot. */
  private static NotifyListener bind(Path path, int uid) throws ErrnoException {
    int own = Limits.effectiveUid();
    try {
      return NotifyListener.bind(path, 0600, uid, -1);
    } catch (ErrnoException e) {
      if (!e.is(Errno.EPERM) || uid == own) {
        throw e;
      }
      return NotifyListener.bind(path, 0666, own, -1);
    }
  }

  private void makeDirectory() throws IOException {
    if (!made) {
      Files.createDirectories(directory);
      Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
      made = true;
    }
  }

  /** The lease has ended; nothing happens where it has none. */
  public void close(LeaseId lease) {
    NotifyListener socket = sockets.remove(lease);
    if (socket != null) {
      try {
        poller.remove(socket.fd());
      } catch (ErrnoException e) {
        warn(lease, e.getMessage());
      }
      disposal.run(socket::close); // descriptors may lie in it
    }
  }

  /** Takes what has come so far: the last words of a program whose end is about to be told. */
  void hear(LeaseId lease) {
    NotifyListener socket = sockets.get(lease);
    if (socket != null) {
      receive(lease, socket);
    }
  }

  private void receive(LeaseId lease, NotifyListener socket) {
    for (int i = 0; i < MOST_IN_A_TURN; i++) {
      List<OwnedFd> descriptors = new ArrayList<>(0);
      try {
        int length = socket.receive(room.clear(), descriptors::add);
        if (length < 0) {
          return;
        }
        if (length <= NotifyMessage.MOST) {
          take(lease, NotifyMessage.parse(room.array(), length), descriptors);
        }
      } catch (TruncatedDescriptorsException e) {
        warn(lease, e.getMessage() + ": what it wanted to store is lost");
      } catch (IOException e) {
        warn(lease, e.getMessage());
        return;
      } finally {
        descriptors.forEach(disposal::close);
      }
    }
  }

  private void warn(LeaseId lease, @Nullable String message) {
    events.accept(new Event.Warned(null, "notify socket of lease " + lease + ": " + message));
  }

  /** Takes out of the list the descriptors that it moves on. */
  private void take(LeaseId lease, NotifyMessage message, List<OwnedFd> descriptors) {
    Supervision to = supervision;
    if (to != null) {
      if (message.mainProcess() > 0) {
        to.mainProcess(lease, message.mainProcess());
      }
      if (message.remove()) {
        to.remove(lease, message.name());
      }
      while (message.store() && !descriptors.isEmpty()) {
        to.store(lease, descriptors.remove(0), message.name(), message.watched());
      }
    }
    message.said().ifPresent(said -> events.accept(new Event.Notified(lease, said)));
  }

  @Override
  public void close() {
    sockets.values().forEach(NotifyListener::close);
    sockets.clear();
    if (made) {
      removeDirectory();
    }
  }

  /** Sockets of leases that ended just now may still be on their way out (disposal). */
  private void removeDirectory() {
    try {
      removeSockets();
      Files.deleteIfExists(directory);
    } catch (IOException e) {
      events.accept(new Event.Warned(null, "remove " + directory + ": " + e.getMessage()));
    }
  }

  private void removeSockets() throws IOException {
    try (DirectoryStream<Path> old = Files.newDirectoryStream(directory)) {
      for (Path each : old) {
        Files.deleteIfExists(each);
      }
    }
  }
}
