package dev.holdfast.agent.adopt;

import java.io.IOException;
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
  private @Nullable Offers offers; // guarded by this

  Supply(Options options, JarFile jar, List<Offer> inherited) {
    this.options = options;
    this.inherited = List.copyOf(inherited);
    this.link =
        new FutureTask<>(
            new Callable<>() { // a lambda would be the first of many a JVM, and cost milliseconds
              @Override
              public BrokerLink call() throws IOException {
                return BrokerLink.open(jar, options);
              }
            });
    if (!inherited.isEmpty()) {
      offers = new Offers(options.mappings(), inherited);
    }
  }

  /** Begins what will take a while; for a process that has inherited nothing. */
  void prepare() {
    Thread thread = new Thread(null, link, "holdfast-agent-start", 0, false);
    thread.setDaemon(true);
    thread.start();
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
    return link().list();
  }

  /** Takes the listener, once: a second bind of the same address gets the same descriptor. */
  synchronized Offer acquire(Offer offer) throws IOException {
    List<Offer> listed = list();
    Offer acquired = offer.acquired(link().acquire(offer.listener(), options));
    List<Offer> after = new ArrayList<>();
    for (Offer each : listed) {
      after.add(each.listener().equals(offer.listener()) ? acquired : each);
    }
    offers = new Offers(options.mappings(), after);
    return acquired;
  }
}
