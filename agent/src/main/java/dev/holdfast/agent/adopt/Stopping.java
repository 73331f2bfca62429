package dev.holdfast.agent.adopt;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/**
 * What is done when the broker wants its listeners back, and when somebody asks the JVM to end by
 * SIGTERM, which a server without a graceful stop would do at once. First the program is left
 * without new connections, though it notices nothing: a socket to which nobody can connect is put
 * under the numbers of its listeners. Then it has a moment to answer what it has accepted, which is
 * all that a server without a graceful stop of its own needs. Then the JVM is asked to end as
 * SIGTERM does it. On the thread that tells of the drain or of the signal; may take as long as
 * there is time. Who asks again is not made to wait.
 */
final class Stopping {

  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(2);

  /** A thread that was about to accept when the listener was taken away has done so after it. */
  private static final Duration SETTLE = Duration.ofMillis(100);

  private static final int MOST_GAPS = 1000;

  private static final int SIGTERM_STATUS = 128 + 15;

  private final Options options;
  private final Adoption adoption;
  private final JdkSockets jdk;
  private final AtomicBoolean hasBegun = new AtomicBoolean();
  private volatile @Nullable TermSignal signal; // null: it is the JVM's

  Stopping(Options options, Adoption adoption, JdkSockets jdk) {
    this.options = options;
    this.adoption = adoption;
    this.jdk = jdk;
  }

  /** From now on SIGTERM does what a drain does. */
  void takeSignal(JarFile jar) {
    try {
      signal = TermSignal.take(jar, this::terminate);
    } catch (IOException e) {
      Said.debug(e.getMessage() + ": SIGTERM ends this JVM at once");
    }
  }

  private void terminate() {
    try {
      if (hasBegun.compareAndSet(false, true)) {
        finish(-1);
      }
    } finally {
      pass();
    }
  }

  private void pass() {
    TermSignal taken = signal;
    try {
      if (taken != null) {
        taken.pass();
        return;
      }
    } catch (IOException e) {
      Said.debug(String.valueOf(e.getMessage()));
    }
    System.exit(SIGTERM_STATUS);
  }

  /**
   * Stops.
   *
   * @param millisLeft negative where there is no end
   */
  void drain(long millisLeft, BrokerLink link) {
    if (options.drain() == Options.Drain.CLOSE) {
      boolean unused = leave(adoption.open());
      Said.line("the broker wants its listeners back: no more connections are accepted");
      try {
        link.release();
      } catch (IOException e) {
        Said.failure("release the lease", e);
      }
    } else if (hasBegun.compareAndSet(false, true)) {
      finish(millisLeft);
      Said.debug("the broker wants its listeners back: the JVM is asked to end");
      end();
    }
  }

  private void finish(long millisLeft) {
    List<Adoption.Adopted> adopted = adoption.open();
    if (!adopted.isEmpty() && leave(adopted)) {
      awaitQuiet(adopted, millisLeft);
    }
  }

  /** Accepts no more; false where that could not be done, and the program's own end has to do. */
  private boolean leave(List<Adoption.Adopted> adopted) {
    try (ServerSocketChannel nowhere = nowhere()) {
      int silent = number(nowhere);
      for (Adoption.Adopted each : adopted) {
        if (!each.offer().datagram()) {
          new Placement(jdk).insteadOfShared(silent, each.number());
        }
      }
      return true;
    } catch (IOException | RuntimeException e) {
      Said.failure("stop accepting before the JVM ends", e);
      return false;
    }
  }

  /** Listens where nobody can connect, as long as it is not closed. */
  private ServerSocketChannel nowhere() throws IOException {
    ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      try {
        listenAtRemovedPath(channel);
      } catch (IOException e) { // no directory that can be written to, as in a sandbox
        Said.debug("listen at a path: " + e.getMessage());
        jdk.listenAtSecretName(number(channel));
      }
      channel.configureBlocking(false); // as the listener was that it takes the place of
      return channel;
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  private static void listenAtRemovedPath(ServerSocketChannel channel) throws IOException {
    Path directory = Files.createTempDirectory("holdfast-");
    Path path = directory.resolve("nowhere");
    try {
      channel.bind(UnixDomainSocketAddress.of(path));
    } finally {
      Files.deleteIfExists(path);
      Files.deleteIfExists(directory);
    }
  }

  private int number(ServerSocketChannel channel) throws IOException {
    try {
      java.lang.reflect.Method method = channel.getClass().getDeclaredMethod("getFDVal");
      method.setAccessible(true);
      return (Integer) method.invoke(channel);
    } catch (ReflectiveOperationException e) {
      throw new IOException("find the descriptor of a channel: " + e, e);
    }
  }

  private void awaitQuiet(List<Adoption.Adopted> adopted, long millisLeft) {
    Duration most = options.quiet();
    if (millisLeft >= 0 && most.toMillis() > millisLeft / 2) {
      most = Duration.ofMillis(millisLeft / 2);
    }
    long now = System.nanoTime();
    long end = now + most.toNanos();
    long lastOpen = now;
    while (now - end < 0 && now - lastOpen < SETTLE.toNanos()) {
      LockSupport.parkNanos(BETWEEN_LOOKS.toNanos()); // no event tells of what others close
      now = System.nanoTime();
      if (isAnyComing(adopted.get(0).number()) || isAnyOpen(adopted)) {
        lastOpen = now;
      }
    }
  }

  /**
   * Whether a descriptor is being made: a thread is in accept(2), perhaps, and has taken a
   * connection already that nothing shows. On a host with too much to do it can stay there for
   * long. But the number that it has reserved is given to nobody else, so it is one that neither is
   * open nor can be had (the kernel gives the lowest, dup(2)).
   */
  private boolean isAnyComing(int number) {
    Set<Integer> taken = new HashSet<>();
    List<Integer> copies = new ArrayList<>();
    try {
      String[] open = new File("/proc/self/fd").list();
      if (open == null) {
        return true; // not to be known now
      }
      int highest = 0;
      for (String each : open) {
        int one = Integer.parseInt(each);
        highest = Math.max(highest, one);
        taken.add(one);
      }
      int copy;
      do {
        copy = jdk.dup(number);
        copies.add(copy);
        taken.add(copy);
      } while (copy <= highest && copies.size() < MOST_GAPS);
      return copy > highest && taken.size() <= copy;
    } catch (IOException e) { // EMFILE
      Said.debug("look for connections that are being accepted: " + e.getMessage());
      return false;
    } finally {
      for (int each : copies) {
        try {
          jdk.close(each);
        } catch (IOException e) {
          Said.debug("close descriptor " + each + ": " + e.getMessage());
        }
      }
    }
  }

  /** Whether a connection is open that came by one of these. */
  private boolean isAnyOpen(List<Adoption.Adopted> adopted) {
    Set<Integer> ports = new HashSet<>();
    Set<String> paths = new HashSet<>();
    for (Adoption.Adopted each : adopted) {
      if (each.offer().address() == null) {
        paths.add(each.offer().path());
      } else {
        ports.add(each.offer().port());
      }
    }
    String[] open = new File("/proc/self/fd").list();
    if (open == null) {
      return true; // not to be known now
    }
    for (String name : open) {
      int number = Integer.parseInt(name);
      try {
        if (JdkSockets.inode(number).startsWith("socket:")
            && jdk.isConnected(number)
            && (jdk.isUnix(number)
                ? paths.contains(jdk.localUnixAddress(number))
                : ports.contains(port(number)))) {
          return true;
        }
      } catch (IOException e) {
        Said.debug("descriptor " + name + " is not looked at: " + e.getMessage()); // just closed
      }
    }
    return false;
  }

  private int port(int number) throws IOException {
    InetSocketAddress address = jdk.localAddress(number);
    return address.getPort();
  }

  /** By the signal, so that a handler of the program has its say; else by exit. */
  private static void end() {
    try {
      Class<?> signal = Class.forName("jdk.internal.misc.Signal");
      Object term = signal.getConstructor(String.class).newInstance("TERM");
      signal.getMethod("raise", signal).invoke(null, term);
      return;
    } catch (InvocationTargetException e) { // -Xrs: the JVM leaves signals alone
      Said.debug("raise SIGTERM: " + e.getCause());
    } catch (ReflectiveOperationException | RuntimeException e) {
      Said.debug("raise SIGTERM: " + e);
    }
    System.exit(SIGTERM_STATUS);
  }
}
