package dev.holdfast.agent;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.varlink.Answer;
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
 * What the broker has granted: a lease and its sockets. Whoever gets it owns the descriptors.
 *
 * @param descriptors of the socket at the same place
 */
record Grant(String lease, List<LeasedSocket> sockets, List<OwnedFd> descriptors) {

  Grant {
    sockets = List.copyOf(sockets);
    descriptors = List.copyOf(descriptors);
  }

  /**
   * Acquires: all listeners or none, in as many calls as the broker needs.
   *
   * @throws IOException when the connection breaks; then it is of no use any more
   */
  static Grant acquire(VarlinkClient client, Acquisition wanted)
      throws IOException, VarlinkException {
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
      String lease = take(client, wanted, parameters, sockets, descriptors);
      Grant grant = new Grant(lease, sockets, descriptors);
      complete = true;
      return grant;
    } finally {
      if (!complete) {
        descriptors.forEach(OwnedFd::close);
      }
    }
  }

  private static String take(
      VarlinkClient client,
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
}
