package dev.holdfast.agent;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.ControlAddress;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;

/**
 * How this package reaches the broker at an address. A lease's few calls have a connection each, so
 * that it needs none to stay open, and finds a broker that was replaced in between.
 */
record BrokerCalls(UnixAddress address, Duration timeout) {

  static final String WORKER = "dev.holdfast.Worker.";

  /** The broker where it is by default: see {@link ControlAddress}. */
  static UnixAddress defaultAddress(Map<String, String> environment) throws IOException {
    try {
      return ControlAddress.find(environment);
    } catch (IllegalArgumentException e) {
      throw new IOException(
          "use the socket that " + ControlAddress.VARIABLE + " names: " + e.getMessage(), e);
    }
  }

  VarlinkClient connect() throws IOException {
    try {
      return VarlinkClient.connect(address);
    } catch (ErrnoException e) {
      throw new BrokerUnreachableException(address, e);
    }
  }

  void call(String attempt, String method, JsonObject parameters) throws IOException {
    try (VarlinkClient client = connect()) {
      client.call(WORKER + method, parameters, timeout).close();
    } catch (VarlinkException e) {
      throw new RefusedException(attempt, e);
    }
  }
}
