package dev.holdfast.agent.adopt;

import dev.holdfast.agent.adopt.nio.AdoptedSockets;
import java.io.FileDescriptor;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Answers the patched classes of the JDK: whether the socket that is being bound becomes a
 * listener, and how. On the thread that binds; one binds at a time.
 */
final class Adoption implements Function<Object[], @Nullable Object> {

  /**
   * A socket of the program that is a listener now.
   *
   * @param inode of the listener's socket, since a number can be another's by the time it is used
   */
  record Adopted(FileDescriptor socket, int number, String inode, Offer offer) {}

  private static final String SERVER = "java.net.ServerSocket";

  private final Options options;
  private final Supply supply;
  private final JdkSockets jdk;
  private final Placement placement;
  private final Serving serving;
  private final List<Adopted> all = new ArrayList<>(); // guarded by this
  private @Nullable JdkHook hook; // written once, before a class is patched that asks
  private boolean saidOptional; // guarded by this
  private volatile boolean isAccepting; // written by the first thread that accepts

  /**
   * @param serving is told when the program has a listener, and accepts for the first time
   */
  Adoption(Options options, Supply supply, JdkSockets jdk, Serving serving) {
    this.options = options;
    this.supply = supply;
    this.jdk = jdk;
    this.placement = new Placement(jdk);
    this.serving = serving;
  }

  void hook(JdkHook to) {
    hook = to;
  }

  /** Those that the program has not closed. */
  synchronized List<Adopted> open() {
    all.removeIf(
        each -> !each.socket().valid() || !each.inode().equals(JdkSockets.inode(each.number())));
    return List.copyOf(all);
  }

  /** The same for a socket that is not the JDK's, known by its number alone. */
  @Nullable Object bindNative(int number, Object address, int port) throws IOException {
    boolean datagram = jdk.type(number) == JdkSockets.DATAGRAM;
    return bind(
        datagram ? AdoptedSockets.DATAGRAM : AdoptedSockets.CHANNEL,
        jdk.object(number),
        address,
        port);
  }

  /** Whether listen(2) is about to be called for one that {@link #bindNative} has adopted. */
  boolean listensAlready(int number) {
    for (Adopted each : open()) {
      if (each.number() == number) {
        accepts(); // a moment later, and in a way that nothing here sees
        return true;
      }
    }
    return false;
  }

  /** A String is why not; null, that the JDK shall go on. */
  @Override
  public @Nullable Object apply(Object[] question) {
    String kind = (String) question[0];
    FileDescriptor socket = (FileDescriptor) question[1];
    switch (kind) {
      case AdoptedSockets.ACCEPTING -> {
        accepts();
        return null;
      }
      case AdoptedSockets.UNBLOCK -> {
        return unblock(socket);
      }
      case AdoptedSockets.OPTION -> {
        Said.debug("option " + question[2] + " of a shared listener is left as the broker set it");
        return null;
      }
      default -> {
        return bind(kind, socket, question[2], (Integer) question[3]);
      }
    }
  }

  private void accepts() {
    boolean isFirst;
    synchronized (this) {
      isFirst = !isAccepting;
      isAccepting = true;
    }
    JdkHook told = hook;
    if (isFirst && told != null) {
      told.stopWatching();
      serving.accepts();
    }
  }

  private synchronized @Nullable Object bind(
      String kind, FileDescriptor socket, Object address, int port) {
    if (kind.equals(AdoptedSockets.SOCKET) && !isServer()) {
      return null; // a client's Socket that is bound before it connects
    }
    String what = address instanceof InetAddress inet ? text(inet, port) : "unix:" + address;
    try {
      Offer offer = choose(kind, address, port);
      if (offer == null) {
        return null;
      }
      adopt(socket, offer);
      Said.debug("bind " + what + ": adopted listener " + offer.listener());
      if (offer.datagram()) {
        accepts(); // there is no accept(2) to wait for
      }
      return true;
    } catch (IOException e) {
      return refuse(what, String.valueOf(e.getMessage()), isRequired(kind, address, port));
    }
  }

  private @Nullable Offer choose(String kind, Object address, int port) throws IOException {
    Offers offers = supply.offers();
    Offers.Choice choice =
        address instanceof InetAddress inet
            ? offers.find(kind.equals(AdoptedSockets.DATAGRAM), inet, port)
            : offers.find(address.toString());
    if (choice.refusal() != null) {
      throw new IOException(choice.refusal());
    }
    Offer offer = choice.offer();
    return offer == null || offer.isAcquired() ? offer : supply.acquire(offer);
  }

  private static String text(InetAddress address, int port) {
    return (address.isAnyLocalAddress() ? "*" : address.getHostAddress()) + ":" + port;
  }

  private void adopt(FileDescriptor socket, Offer offer) throws IOException {
    int number = jdk.number(socket);
    if (JdkSockets.isNonBlocking(number) && !JdkSockets.isNonBlocking(offer.number())) {
      throw new IOException(blocking(offer));
    }
    placement.instead(offer.number(), number);
    JdkHook told = hook;
    if (told != null) {
      told.add(socket);
    }
    all.removeIf(each -> each.number() == number); // closed, or it could not be this one's
    all.add(new Adopted(socket, number, JdkSockets.inode(number), offer));
    serving.adopted();
  }

  private static String blocking(Offer offer) {
    return "listener "
        + offer.listener()
        + " is a blocking one, and this server waits for many sockets at once: its accept would"
        + " hang whenever another worker is faster. Open the listener without blocking";
  }

  private synchronized @Nullable Object unblock(FileDescriptor socket) {
    for (Adopted each : all) {
      if (each.socket() == socket) {
        try {
          return JdkSockets.isNonBlocking(jdk.number(socket)) ? null : blocking(each.offer());
        } catch (IOException e) {
          return e.getMessage();
        }
      }
    }
    return null;
  }

  /** With a map, what it does not name is none of the broker's business. */
  private boolean isRequired(String kind, Object address, int port) {
    List<Options.Mapping> mappings = options.mappings();
    boolean isNamed =
        mappings.isEmpty()
            || (address instanceof InetAddress inet
                    ? Offers.mapping(mappings, kind.equals(AdoptedSockets.DATAGRAM), inet, port)
                    : Offers.mapping(mappings, address.toString()))
                != null;
    return options.required() && isNamed;
  }

  /** Not adopted: an error for the program where the listener is required. */
  private @Nullable Object refuse(String what, String why, boolean required) {
    if (required) {
      return "bind " + what + " as the broker's listener: " + why;
    }
    if (!saidOptional) {
      saidOptional = true;
      Said.line("bind " + what + " without the broker: " + why);
    }
    return null;
  }

  /** The JDK has the same class for both ends of a connection; ServerSocket is above one. */
  private static boolean isServer() {
    StackTraceElement[] trace = new Throwable().getStackTrace();
    if (trace.length == 0) { // -XX:-StackTraceInThrowable; a walk loads many more classes
      return StackWalker.getInstance()
          .walk(frames -> frames.anyMatch(each -> each.getClassName().equals(SERVER)));
    }
    for (StackTraceElement each : trace) {
      if (each.getClassName().equals(SERVER)) {
        return true;
      }
    }
    return false;
  }
}
