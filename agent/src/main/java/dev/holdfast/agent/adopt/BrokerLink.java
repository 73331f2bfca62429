package dev.holdfast.agent.adopt;

import dev.holdfast.agent.adopt.lease.LeaseLink;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/**
 * The way to the broker: {@link LeaseLink}, of which this half of the agent has nothing but the
 * names of its questions. Any thread; may block until the broker has answered.
 */
final class BrokerLink {

  private static final String CLASS = "dev.holdfast.agent.adopt.lease.LeaseLink";

  private final Function<Object[], @Nullable Object> link;

  private BrokerLink(Function<Object[], @Nullable Object> link) {
    this.link = link;
  }

  /** Loads what it needs, native libraries too, which takes a tenth of a second. */
  @SuppressWarnings("unchecked") // LeaseLink is one
  static BrokerLink open(JarFile jar, NativeLibraries natives, Options options) throws IOException {
    Class<?> type = natives.load(CLASS);
    try {
      Object made = type.getConstructor(String.class).newInstance(options.socket());
      return new BrokerLink((Function<Object[], @Nullable Object>) made);
    } catch (InvocationTargetException e) {
      throw cause(e.getCause(), e);
    } catch (ReflectiveOperationException e) {
      throw new IOException(jar.getName() + " is not complete: " + e, e);
    }
  }

  private static IOException cause(@Nullable Throwable cause, Exception outer) {
    IOException own = cause instanceof UncheckedIOException io ? io.getCause() : null;
    return own != null
        ? own
        : new IOException(String.valueOf(cause == null ? outer : cause), outer);
  }

  private @Nullable Object ask(@Nullable Object... question) throws IOException {
    try {
      return link.apply(question);
    } catch (UncheckedIOException e) {
      throw cause(e, e);
    } catch (RuntimeException e) {
      throw new IOException(e.getMessage() == null ? e.toString() : e.getMessage(), e);
    }
  }

  /** The lease that came with the inherited sockets; null where none did, as from systemd. */
  @Nullable String inherit() throws IOException {
    return (String) ask(LeaseLink.INHERIT);
  }

  /** What the broker listens on; null where it does not show that to this process's user. */
  @Nullable List<Offer> list() throws IOException {
    String[][] listed = (String[][]) ask(LeaseLink.LIST);
    if (listed == null) {
      return null;
    }
    List<Offer> offers = new ArrayList<>();
    for (String[] each : listed) {
      Offer offer = offer(each[0], each[1]);
      if (offer != null) {
        offers.add(offer);
      }
    }
    return offers;
  }

  /** Reads {@code tcp:127.0.0.1:80}, {@code udp:[::1]:53} and {@code unix:/path}. */
  static @Nullable Offer offer(String listener, String endpoint) throws IOException {
    if (endpoint.startsWith("unix:")) {
      String path = endpoint.substring("unix:".length());
      return new Offer(listener, false, null, 0, path, Offer.NOT_ACQUIRED);
    }
    boolean datagram = endpoint.startsWith("udp:");
    if (!datagram && !endpoint.startsWith("tcp:")) {
      return null; // seqpacket, which the JDK does not have
    }
    int colon = endpoint.lastIndexOf(':');
    InetAddress address = InetAddress.getByName(endpoint.substring("tcp:".length(), colon));
    int port = Integer.parseInt(endpoint.substring(colon + 1));
    return new Offer(listener, datagram, address, port, "", Offer.NOT_ACQUIRED);
  }

  /** Takes the listener; the descriptor stays the link's. */
  int acquire(String listener, Options options) throws IOException {
    Object number = ask(LeaseLink.ACQUIRE, listener, options.service(), options.replace());
    return number instanceof Integer value ? value : Offer.NOT_ACQUIRED;
  }

  void ready() throws IOException {
    Object unused = ask(LeaseLink.READY);
  }

  void release() throws IOException {
    Object unused = ask(LeaseLink.RELEASE);
  }

  /** Has the milliseconds told that are left, or a negative number, when there is a drain. */
  void onDrain(Consumer<Object> told) throws IOException {
    Object unused = ask(LeaseLink.DRAIN, told);
  }

  void closeOnExec(int number) throws IOException {
    Object unused = ask(LeaseLink.CLOSE_ON_EXEC, number);
  }
}
