package dev.holdfast.agent.adopt.lease;

import dev.holdfast.agent.Acquisition;
import dev.holdfast.agent.Holdfast;
import dev.holdfast.agent.Lease;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.ControlAddress;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ReplyStream;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Answers the agent: the first element says what is asked, the others are what it is asked with.
 * The leases are kept for as long as the process lives; so are the descriptors, which the agent
 * borrows by number. Throws UncheckedIOException with a message for the user. Any thread, one at a
 * time.
 */
public final class LeaseLink implements Function<Object[], @Nullable Object> {

  /** Takes over what {@code holdfast exec} or a service passed; answers its lease, or null. */
  public static final String INHERIT = "inherit";

  /** The broker's listeners: an array of name and endpoint for each; null where it shows none. */
  public static final String LIST = "list";

  /** Given a listener, a service or null, whether it replaces; answers the descriptor's number. */
  public static final String ACQUIRE = "acquire";

  /** Says of all leases that the program accepts. */
  public static final String READY = "ready";

  /** Ends all leases. */
  public static final String RELEASE = "release";

  /**
   * Given a Consumer of the milliseconds that are left, negative where there is no end: calls it
   * when the broker asks for a drain.
   */
  public static final String DRAIN = "drain";

  /** Given a number: the program's child processes shall not have it. */
  public static final String CLOSE_ON_EXEC = "closeOnExec";

  private static final Duration TIMEOUT = Duration.ofSeconds(10);

  private final UnixAddress address;
  private final List<Lease> leases = new ArrayList<>(); // guarded by this
  private final List<OwnedFd> borrowed = new ArrayList<>(); // guarded by this
  private @Nullable Consumer<Object> onDrain; // guarded by this

  /**
   * @param socket the broker's, or null for where it is by default
   */
  public LeaseLink(@Nullable String socket) {
    try {
      address = socket == null ? ControlAddress.find() : UnixAddress.parse(socket);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public synchronized @Nullable Object apply(Object[] question) {
    try {
      return switch ((String) question[0]) {
        case INHERIT -> inherit();
        case LIST -> list();
        case ACQUIRE ->
            acquire((String) question[1], (String) question[2], Boolean.TRUE.equals(question[3]));
        case READY -> ready();
        case RELEASE -> release();
        case DRAIN -> drain(question[1]);
        case CLOSE_ON_EXEC -> closeOnExec((Integer) question[1]);
        default -> throw new IllegalArgumentException(String.valueOf(question[0]));
      };
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private @Nullable String inherit() throws IOException {
    Optional<Lease> inherited = Lease.inherited();
    inherited.ifPresent(this::add);
    return inherited.map(Lease::id).orElse(null);
  }

  /** In as many parts as it takes: a broker with many leases has more than fits into one answer. */
  private String @Nullable [][] list() throws IOException {
    List<String[]> found = new ArrayList<>();
    try (VarlinkClient client = VarlinkClient.connect(address);
        ReplyStream parts = client.stream("dev.holdfast.Control.List", JsonObject.EMPTY)) {
      while (!parts.ended()) {
        JsonObject part =
            parts.next(TIMEOUT).orElseThrow(() -> new SocketTimeoutException("no answer"));
        for (JsonObject listener : part.objects("listeners")) {
          String name = listener.string("name");
          listener
              .optionalString("endpoint")
              .ifPresent(endpoint -> found.add(new String[] {name, endpoint}));
        }
      }
    } catch (VarlinkException e) {
      if (e.error().equals("dev.holdfast.Control.NotPermitted")) {
        return null; // another user, who may be let have one all the same
      }
      throw new IOException("list the broker's listeners: " + e.getMessage(), e);
    }
    return found.toArray(new String[0][]);
  }

  private Integer acquire(String listener, @Nullable String service, boolean replace)
      throws IOException {
    Acquisition wanted = Acquisition.of(listener);
    if (service != null) {
      wanted = replace ? wanted.replacing(service) : wanted.service(service);
    }
    try (Holdfast holdfast = Holdfast.connect(address)) {
      Lease lease = holdfast.acquire(wanted);
      OwnedFd copy = lease.descriptor(listener);
      borrowed.add(copy);
      add(lease);
      return copy.number();
    }
  }

  private void add(Lease lease) {
    leases.add(lease);
    Consumer<Object> consumer = onDrain;
    if (consumer != null) {
      await(lease, consumer);
    }
  }

  private @Nullable Object ready() throws IOException {
    for (Lease lease : leases) {
      lease.ready();
    }
    return null;
  }

  private @Nullable Object release() {
    leases.forEach(Lease::release);
    borrowed.forEach(OwnedFd::close);
    return null;
  }

  @SuppressWarnings("unchecked") // the agent's half gives what its documentation says
  private @Nullable Object drain(Object consumer) {
    Consumer<Object> told = (Consumer<Object>) consumer;
    onDrain = told;
    leases.forEach(lease -> await(lease, told));
    return null;
  }

  private static void await(Lease lease, Consumer<Object> told) {
    lease.onDrain(
        drain -> {
          if (drain.revoked()) {
            System.getLogger(LeaseLink.class.getName())
                .log(
                    System.Logger.Level.WARNING,
                    "lease={0} has ended: its listener was closed at the broker, or another has"
                        + " it. It is served on here",
                    lease.id());
          } else {
            told.accept(drain.left(Instant.now()).map(Duration::toMillis).orElse(-1L));
          }
        });
  }

  private static @Nullable Object closeOnExec(int number) throws IOException {
    OwnedFd.adopt(number).release();
    return null;
  }
}
