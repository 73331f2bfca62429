package dev.holdfast.agent.tomcat;

import dev.holdfast.agent.Lease;
import org.apache.coyote.http11.Http11NioProtocol;

/**
 * Tomcat's HTTP/1.1 (and whatever it is upgraded to) on a listener of a lease.
 *
 * <pre>{@code
 * Tomcat tomcat = new Tomcat();
 * tomcat.setConnector(new Connector(new LeasedProtocol(lease, "web")));
 * }</pre>
 *
 * <p>Address, port and accept count of the connector mean nothing; its local port is the
 * listener's. Pausing or stopping it closes its copy, and the listener goes on; it can be started
 * again while the lease is held.
 */
public final class LeasedProtocol extends Http11NioProtocol {

  /** For who makes protocols by class name; {@link #listenOn} has to be called then. */
  public LeasedProtocol() {
    super(new LeasedEndpoint());
    setPort(0); // a connector without a port is not bound
  }

  /** Borrows the lease, which has to be held whenever the connector starts or resumes. */
  public LeasedProtocol(Lease lease, String listener) {
    this();
    listenOn(lease, listener);
  }

  /** Says which listener, before the connector is initialised. Borrows the lease. */
  public void listenOn(Lease lease, String listener) {
    ((LeasedEndpoint) getEndpoint()).listenOn(lease, listener);
  }
}
