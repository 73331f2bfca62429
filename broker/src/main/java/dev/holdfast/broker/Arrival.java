package dev.holdfast.broker;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A successor's side of a handover: takes copies of all that the broker has which is there. Until
 * {@link #serve} has returned, that broker is the one which acts, and goes on when this ends.
 * Blocks; the thread that starts the broker.
 */
final class Arrival implements AutoCloseable {

  private static final String METHOD = "dev.holdfast.Control.Handover";

  /** The predecessor waits for a quiet moment first. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final VarlinkClient predecessor;

  private Arrival(VarlinkClient predecessor) {
    this.predecessor = predecessor;
  }

  /** Connects to the broker that is there; empty when none is. */
  static Optional<Arrival> connect(UnixAddress address) throws IOException {
    try {
      return Optional.of(new Arrival(VarlinkClient.connect(address)));
    } catch (ErrnoException e) {
      if (e.is(Errno.ENOENT) || e.is(Errno.ECONNREFUSED)) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /**
   * Receives everything. The descriptors are the caller's.
   *
   * @throws IOException with what the predecessor said, when it refuses
   */
  List<HandoverItem> receive() throws IOException {
    List<HandoverItem> items = new ArrayList<>();
    boolean whole = false;
    try {
      JsonObject begun;
      try (Answer answer =
          call(JsonObject.of("step", "begin", "formats", List.of(Inheritance.FORMAT)))) {
        begun = answer.parameters();
      }
      long parts = begun.integer("parts");
      long descriptors = begun.integer("descriptors");
      for (long i = 0; i < parts; i++) {
        Answer answer = call(JsonObject.of("step", "next"));
        boolean read = false;
        try {
          items.addAll(HandoverItem.read(answer.parameters(), answer.descriptors()));
          read = true;
        } finally {
          if (!read) {
            answer.close();
          }
        }
      }
      long came = items.stream().filter(item -> item.fd() != null).count();
      if (came != descriptors) {
        throw new IOException(
            "the broker that is there sent " + came + " of " + descriptors + " descriptors");
      }
      whole = true;
      return items;
    } catch (IllegalArgumentException e) {
      throw new IOException("the broker that is there sent what makes no sense: " + e, e);
    } finally {
      if (!whole) {
        close(items);
      }
    }
  }

  static void close(List<HandoverItem> items) {
    for (HandoverItem item : items) {
      OwnedFd fd = item.fd();
      if (fd != null) {
        fd.close();
      }
    }
  }

  /** Says that all has been taken over, and becomes the broker. */
  void serve() throws IOException {
    call(JsonObject.of("step", "commit")).close();
    call(JsonObject.of("step", "serving")).close();
  }

  private Answer call(JsonObject parameters) throws IOException {
    try {
      return predecessor.call(METHOD, parameters, PATIENCE);
    } catch (VarlinkException e) {
      if (e.error().endsWith("MethodNotFound")) {
        throw new IOException(
            "the broker that is there is of a version that cannot hand over; stop it, then start this"
                + " one without --takeover",
            e);
      }
      throw new IOException(
          "the broker that is there does not hand over: " + e.error() + " " + e.parameters(), e);
    }
  }

  @Override
  public void close() {
    predecessor.close();
  }
}
