package dev.holdfast.agent;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.ControlAddress;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ProtocolException;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * A worker's connection to the broker.
 *
 * <pre>{@code
 * try (Holdfast holdfast = Holdfast.connect()) {
 *   Lease lease = holdfast.acquire("web");
 *   Acceptor acceptor = Acceptor.of(lease, "web", connection -> …).start();
 *   lease.onDrain(drain -> …);
 *   lease.ready();
 * }
 * }</pre>
 *
 * <p>Any thread; one acquires at a time. Closing it, also twice, leaves leases alone that follow
 * the process ({@link Hold#PROCESS}), and ends those that follow the connection.
 */
public final class Holdfast implements AutoCloseable {

  private final UnixAddress address;
  private final VarlinkClient client;

  private Holdfast(UnixAddress address, VarlinkClient client) {
    this.address = address;
    this.client = client;
  }

  /**
   * Connects to the broker where it is by default: see {@link ControlAddress}.
   *
   * @throws BrokerUnreachableException with what to do about it
   */
  public static Holdfast connect() throws IOException {
    return connect(BrokerCalls.defaultAddress(System.getenv()));
  }

  /**
   * Connects to the broker at this address.
   *
   * @throws BrokerUnreachableException with what to do about it
   */
  public static Holdfast connect(UnixAddress address) throws IOException {
    return new Holdfast(address, new BrokerCalls(address, Acquisition.TIMEOUT).connect());
  }

  public UnixAddress address() {
    return address;
  }

  /** Takes the listeners for as long as this process lives; {@link #acquire(Acquisition)}. */
  public Lease acquire(String... listeners) throws IOException {
    return acquire(Acquisition.of(listeners));
  }

  /**
   * Takes listeners: all of them or none. Blocks until the broker has answered.
   *
   * @return owns the sockets that came; whoever gets it closes it
   * @throws RefusedException when there is no such listener, or no right to it
   * @throws java.net.SocketTimeoutException when the broker does not answer in time
   * @throws IOException when the connection breaks; then this connection is of no use any more
   */
  public synchronized Lease acquire(Acquisition wanted) throws IOException {
    JsonObject parameters =
        JsonObject.builder()
            .put("listeners", wanted.listeners())
            .put("hold", wanted.hold() == Hold.PROCESS ? null : wanted.hold().wireName())
            .put("service", wanted.service())
            .put("replace", wanted.replace() ? true : null)
            .build();
    List<LeasedSocket> sockets = new ArrayList<>();
    List<OwnedFd> descriptors = new ArrayList<>();
    boolean complete = false;
    try {
      String lease = take(wanted, parameters, sockets, descriptors);
      complete = true;
      return new Lease(lease, new BrokerCalls(address, wanted.timeout()), sockets, descriptors);
    } catch (VarlinkException e) {
      throw new RefusedException("acquire " + String.join(", ", wanted.listeners()), e);
    } finally {
      if (!complete) {
        descriptors.forEach(OwnedFd::close);
      }
    }
  }

  private String take(
      Acquisition wanted,
      JsonObject parameters,
      List<LeasedSocket> sockets,
      List<OwnedFd> descriptors)
      throws IOException, VarlinkException {
    String lease = "";
    boolean remaining = true;
    while (remaining) {
      Answer answer = client.call(BrokerCalls.WORKER + "Acquire", parameters, wanted.timeout());
      descriptors.addAll(answer.descriptors()); // ours from here on, whatever the text says
      int first = descriptors.size() - answer.descriptors().size();
      try {
        String named = answer.parameters().string("lease");
        List<JsonObject> described = answer.parameters().objects("sockets");
        remaining = answer.parameters().bool("remaining");
        if ((remaining && described.isEmpty()) || !(lease.isEmpty() || lease.equals(named))) {
          throw new IllegalArgumentException("its parts do not belong together");
        }
        lease = named;
        OwnedFd[] ordered = new OwnedFd[described.size()];
        for (int i = 0; i < ordered.length; i++) {
          JsonObject socket = described.get(i);
          int index = Math.toIntExact(socket.integer("fileDescriptorIndex"));
          ordered[i] = answer.descriptors().get(index);
          sockets.add(
              new LeasedSocket(
                  socket.string("listener"),
                  socket.string("endpoint"),
                  socket.string("kind"),
                  socket.bool("multithreaded", false)));
        }
        for (int i = 0; i < ordered.length; i++) {
          descriptors.set(first + i, ordered[i]);
        }
      } catch (IllegalArgumentException | IndexOutOfBoundsException | ArithmeticException e) {
        client.close();
        throw new ProtocolException(
            "acquire: the broker's answer makes no sense: " + e.getMessage());
      }
    }
    Set<String> missing = new HashSet<>(wanted.listeners());
    sockets.forEach(socket -> missing.remove(socket.listener()));
    if (!missing.isEmpty()) {
      throw new ProtocolException("acquire: the broker left out " + String.join(", ", missing));
    }
    return lease;
  }

  @Override
  public void close() {
    client.close();
  }
}
