package dev.holdfast.agent.cli;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ReplyStream;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A connection to the broker, with failures in a user's words. Main thread only. */
final class Broker implements AutoCloseable {

  /** The broker answers within microseconds, except where it looks up a host. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final UnixSocket socket;
  private final VarlinkClient client;
  private final String address;
  private final String attempted;

  private Broker(UnixSocket socket, VarlinkClient client, String address, String attempted) {
    this.socket = socket;
    this.client = client;
    this.address = address;
    this.attempted = attempted;
  }

  static Broker connect(UnixAddress address, String attempted) throws Failure {
    try {
      UnixSocket socket = UnixSocket.connect(address);
      try {
        return new Broker(socket, VarlinkClient.over(socket), address.toString(), attempted);
      } catch (IOException e) {
        socket.close();
        throw e;
      }
    } catch (IOException e) {
      throw notThere(attempted, e);
    }
  }

  /** Calls a method that returns no descriptors. */
  JsonObject call(String method, JsonObject parameters) throws Failure, VarlinkException {
    try (Answer answer = callWith(method, parameters, List.of())) {
      return answer.parameters();
    }
  }

  /** Calls with borrowed descriptors; the caller owns those of the answer. */
  Answer callWith(String method, JsonObject parameters, List<OwnedFd> borrowed)
      throws Failure, VarlinkException {
    try {
      return client.call(method, parameters, borrowed, PATIENCE);
    } catch (IOException e) {
      throw broken(e);
    }
  }

  /**
   * All that the broker holds, as Control.List has it; a large answer comes in parts, and so does a
   * service with many workers.
   */
  JsonObject listing() throws Failure, VarlinkException {
    List<JsonObject> listeners = new ArrayList<>();
    List<JsonObject> leases = new ArrayList<>();
    List<JsonObject> stored = new ArrayList<>();
    Map<String, JsonObject> services = new LinkedHashMap<>();
    try (ReplyStream parts = stream("dev.holdfast.Control.List", JsonObject.EMPTY)) {
      while (!parts.ended()) {
        JsonObject part =
            parts.next(PATIENCE).orElseThrow(() -> new SocketTimeoutException("no answer"));
        listeners.addAll(part.objects("listeners"));
        leases.addAll(part.objects("leases"));
        stored.addAll(part.objects("stored"));
        for (JsonObject service : part.optionalObjects("services").orElse(List.of())) {
          services.merge(service.string("name"), service, Broker::withProcessesOf);
        }
      }
    } catch (IOException e) {
      throw broken(e);
    }
    return JsonObject.builder()
        .put("listeners", listeners)
        .put("leases", leases)
        .put("stored", stored)
        .put("services", services.values())
        .build();
  }

  private static JsonObject withProcessesOf(JsonObject service, JsonObject more) {
    List<JsonObject> processes = new ArrayList<>(service.objects("processes"));
    processes.addAll(more.objects("processes"));
    JsonObject.Builder whole = JsonObject.builder();
    service
        .members()
        .forEach((name, value) -> whole.put(name, name.equals("processes") ? processes : value));
    return whole.build();
  }

  /** Calls with more; the replies are waited for as long as it takes. */
  ReplyStream stream(String method, JsonObject parameters) throws Failure {
    try {
      return client.stream(method, parameters);
    } catch (IOException e) {
      throw broken(e);
    }
  }

  /** The connection's descriptor, still owned by this object. */
  OwnedFd descriptor() {
    return socket.fd();
  }

  Failure broken(IOException e) {
    if (e instanceof SocketTimeoutException) {
      return new Failure(
          ExitCode.TRY_AGAIN,
          attempted
              + ": the broker at "
              + address
              + " took the call and did not answer in 30 s; try again, and look at its log",
          e);
    }
    if (e instanceof EOFException) {
      return new Failure(
          ExitCode.UNAVAILABLE,
          attempted
              + ": the broker at "
              + address
              + " closed the connection; its log says why (it stops, or a limit was reached)",
          e);
    }
    ExitCode code = e instanceof ErrnoException ? ExitCode.SYSTEM : ExitCode.UNAVAILABLE;
    String advice =
        e instanceof ErrnoException ? "" : "; is that a holdfastd, of the same version as this?";
    return new Failure(
        code, attempted + ": talk to the broker at " + address + ": " + e.getMessage() + advice, e);
  }

  private static Failure notThere(String attempted, IOException e) {
    int errno = e instanceof ErrnoException failed ? failed.errno() : 0;
    String text = attempted + ": " + e.getMessage();
    return switch (errno) {
      case Errno.ENOENT, Errno.ECONNREFUSED ->
          new Failure(
              ExitCode.UNAVAILABLE,
              text
                  + "; no broker listens there: start holdfastd, or name its socket with --socket"
                  + " or HOLDFAST_SOCKET",
              e);
      case Errno.EACCES, Errno.EPERM ->
          new Failure(
              ExitCode.NOT_PERMITTED,
              text + "; you may not reach that socket: ask its owner, or run as its user",
              e);
      case Errno.EAGAIN ->
          new Failure(ExitCode.TRY_AGAIN, text + "; the broker is busy: try again", e);
      default -> new Failure(ExitCode.SYSTEM, text, e);
    };
  }

  @Override
  public void close() {
    client.close();
  }
}
