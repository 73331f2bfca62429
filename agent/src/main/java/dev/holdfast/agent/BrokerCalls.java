package dev.holdfast.agent;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.varlink.ControlAddress;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.Map;

/**
 * How this package reaches the broker at an address. A lease's few calls have a connection each, so
 * that they find a broker that was replaced in between.
 */
record BrokerCalls(UnixAddress address, Duration timeout) {

  static final String WORKER = "dev.holdfast.Worker.";

  /**
   * A connection, with the socket below it for those who wait on many.
   *
   * @param broker tells one broker from the next one at the same address: the file of the socket,
   *     which a new broker makes anew, or the pid where there is no file
   */
  record Connection(UnixSocket socket, VarlinkClient client, String broker)
      implements AutoCloseable {
    @Override
    public void close() {
      client.close();
    }
  }

  /** The broker where it is by default: see {@link ControlAddress}. */
  static UnixAddress defaultAddress(Map<String, String> environment) throws IOException {
    try {
      return ControlAddress.find(environment);
    } catch (IllegalArgumentException e) {
      throw new IOException(
          "use the socket that " + ControlAddress.VARIABLE + " names: " + e.getMessage(), e);
    }
  }

  /** Connects; the caller closes it. */
  Connection connect() throws IOException {
    UnixSocket socket;
    try {
      socket = UnixSocket.connect(address);
    } catch (ErrnoException e) {
      throw new BrokerUnreachableException(address, e);
    }
    try {
      return new Connection(socket, VarlinkClient.over(socket), identity(socket));
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  private String identity(UnixSocket socket) throws IOException {
    if (address instanceof UnixAddress.Path path) {
      try {
        BasicFileAttributes file = Files.readAttributes(path.path(), BasicFileAttributes.class);
        return file.fileKey() + " of " + file.lastModifiedTime();
      } catch (IOException e) {
        return "gone"; // the path was removed since: whoever comes next is another
      }
    }
    return "pid " + socket.peerCredentials().pid();
  }

  void call(String attempt, String method, JsonObject parameters) throws IOException {
    try (Connection connection = connect()) {
      connection.client().call(WORKER + method, parameters, timeout).close();
    } catch (VarlinkException e) {
      throw new RefusedException(attempt, e);
    }
  }
}
