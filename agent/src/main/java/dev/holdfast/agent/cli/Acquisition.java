package dev.holdfast.agent.cli;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A lease and its sockets, as the broker gave them. Owns the sockets; borrows the connection. */
final class Acquisition implements AutoCloseable {

  private static final String ACQUIRE = "dev.holdfast.Worker.Acquire";

  private final Broker broker;
  private final String lease;
  private final @Nullable String notifySocket;
  private final List<String> names = new ArrayList<>();
  private final List<String> endpoints = new ArrayList<>();
  private final List<OwnedFd> sockets = new ArrayList<>();

  private Acquisition(Broker broker, JsonObject first) {
    this.broker = broker;
    this.lease = first.string("lease");
    this.notifySocket = first.optionalString("notifySocket").orElse(null);
  }

  /** Calls Acquire until all sockets are here: a message carries 32 of them. */
  static Acquisition take(Broker broker, JsonObject parameters) throws Failure, VarlinkException {
    Answer first = broker.callWith(ACQUIRE, parameters, List.of());
    Acquisition acquisition = new Acquisition(broker, first.parameters());
    boolean complete = false;
    try {
      acquisition.add(first);
      boolean remaining = first.parameters().bool("remaining", false);
      while (remaining) {
        Answer next = broker.callWith(ACQUIRE, parameters, List.of());
        acquisition.add(next);
        remaining = next.parameters().bool("remaining", false);
        if (remaining && next.descriptors().isEmpty()) {
          throw new Failure(
              ExitCode.UNAVAILABLE,
              "acquire: the broker promises more sockets and sends none; is it a holdfastd?");
        }
      }
      complete = true;
      return acquisition;
    } finally {
      if (!complete) {
        acquisition.close();
      }
    }
  }

  private void add(Answer answer) {
    sockets.addAll(answer.descriptors());
    int before = sockets.size() - answer.descriptors().size();
    List<JsonObject> described = answer.parameters().objects("sockets");
    OwnedFd[] ordered = new OwnedFd[described.size()];
    for (int i = 0; i < ordered.length; i++) {
      JsonObject socket = described.get(i);
      names.add(socket.string("listener"));
      endpoints.add(socket.string("endpoint"));
      // The client has made sure that the indexes are exactly 0..n-1.
      ordered[i] = answer.descriptors().get((int) socket.integer("fileDescriptorIndex"));
    }
    for (int i = 0; i < ordered.length; i++) {
      sockets.set(before + i, ordered[i]);
    }
  }

  String lease() {
    return lease;
  }

  @Nullable String notifySocket() {
    return notifySocket;
  }

  /** The name of each socket's listener, in the order of the sockets. */
  List<String> names() {
    return names;
  }

  List<String> endpoints() {
    return endpoints;
  }

  List<OwnedFd> sockets() {
    return sockets;
  }

  /** Ends the lease before its time. */
  void release() throws Failure, VarlinkException {
    broker.call("dev.holdfast.Worker.Release", JsonObject.of("lease", lease));
  }

  @Override
  public void close() {
    for (OwnedFd socket : sockets) {
      socket.close();
    }
  }
}
