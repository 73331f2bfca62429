package dev.holdfast.agent;

import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.ControlAddress;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

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
  private final BrokerCalls.Connection connection;
  private final List<Lease> following = new CopyOnWriteArrayList<>(); // those that follow it

  private Holdfast(UnixAddress address, BrokerCalls.Connection connection) {
    this.address = address;
    this.connection = connection;
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
    Grant grant;
    try {
      grant = Grant.acquire(connection.client(), wanted);
    } catch (VarlinkException e) {
      throw new RefusedException("acquire " + String.join(", ", wanted.listeners()), e);
    }
    BrokerCalls broker = new BrokerCalls(address, wanted.timeout());
    Lease lease = new Lease(grant, broker, wanted, connection.broker());
    if (wanted.hold() == Hold.CONNECTION) {
      following.add(lease);
    }
    return lease;
  }

  @Override
  public void close() {
    connection.close();
    following.forEach(Lease::carrierClosed);
  }
}
