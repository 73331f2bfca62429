package dev.holdfast.agent.adopt;

import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/**
 * Where listeners come from: those that the process was started with, else the broker. What leads
 * to the broker is loaded on a thread of its own while the program starts, and only when there is
 * nothing to inherit.
 */
final class Supply {

  private final Options options;
  private final List<Offer> inherited;
  private final FutureTask<BrokerLink> link;
  private final JdkSockets jdk;
  private final NativeLibraries natives;
  private final List<Offer> acquired = new ArrayList<>(); // guarded by this
  private @Nullable Offers offers; // guarded by this

  Supply(Options options, JarFile jar, List<Offer> inherited, JdkSockets jdk) {
    this.options = options;
    this.jdk = jdk;
    this.natives = new NativeLibraries(jar, options.natives());
    this.inherited = List.copyOf(inherited);
    this.link =
        new FutureTask<>(
            new Callable<>() { // a lambda would be the first of many a JVM, and cost milliseconds
              @Override
              public BrokerLink call() throws IOException {
                return BrokerLink.open(jar, natives, options);
              }
            });
    if (!inherited.isEmpty()) {
      offers = new Offers(options.mappings(), inherited);
    }
  }

  /**
   * Begins what will take a while; for a process that has inherited nothing. Not where libraries
   * have to be unpacked: a program that ends in that moment would leave them behind, and many a
   * program that has the agent never binds.
   */
  void prepare() {
    if (natives.areInstalled()) {
      Thread thread = new Thread(null, link, "holdfast-agent-start", 0, false);
      thread.setDaemon(true);
      thread.start();
    }
  }

  boolean isInherited() {
    return !inherited.isEmpty();
  }

  /** The way to the broker. Blocks until it is loaded. */
  BrokerLink link() throws IOException {
    link.run(); // does nothing where it has been done, or is being done
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return link.get();
        } catch (InterruptedException e) {
          interrupted = true; // the program's own business, after this
        }
      }
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException io
          ? new IOException(io.getMessage(), io)
          : new IOException("load the way to the broker: " + e.getCause(), e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Blocks until the broker has answered, the first time. */
  synchronized Offers offers() throws IOException {
    Offers known = offers;
    if (known != null) {
      return known;
    }
    return new Offers(options.mappings(), list());
  }

  private List<Offer> list() throws IOException {
    List<Offer> listed = link().list();
    return listed == null ? named() : listed;
  }

  /** What the options name, for a user to whom the broker does not say what there is. */
  private List<Offer> named() throws IOException {
    List<Offer> named = new ArrayList<>();
    for (Options.Mapping each : options.mappings()) {
      String path = each.path();
      InetAddress host = each.host();
      if (path == null && host == null) {
        host = InetAddress.getByAddress(new byte[4]);
      }
      named.add(
          new Offer(
              each.listener(),
              each.datagram(),
              host,
              each.port(),
              path == null ? "" : path,
              Offer.NOT_ACQUIRED));
    }
    if (named.isEmpty()) {
      throw new IOException(
          "the broker does not show its listeners to this user: say which by an option of the"
              + " agent, PORT=LISTENER");
    }
    return named;
  }

  /** Takes the listener, once: a second bind of the same address gets the same descriptor. */
  synchronized Offer acquire(Offer offer) throws IOException {
    int number = link().acquire(offer.listener(), options);
    Offer taken = InheritedSockets.offer(offer.listener(), number, jdk);
    acquired.add(taken);
    List<Offer> after = new ArrayList<>();
    for (Offer each : list()) {
      after.add(orAcquired(each));
    }
    offers = new Offers(options.mappings(), after);
    return taken;
  }

  private Offer orAcquired(Offer listed) {
    for (Offer each : acquired) {
      if (each.listener().equals(listed.listener())) {
        return each;
      }
    }
    return listed;
  }
}
