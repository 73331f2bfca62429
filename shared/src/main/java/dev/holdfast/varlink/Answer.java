package dev.holdfast.varlink;

import dev.holdfast.fd.OwnedFd;
import java.util.List;

/**
 * The single reply to a call, and the descriptors that its {@code fileDescriptorIndex} members
 * refer to. Whoever has the answer owns the descriptors.
 */
public record Answer(JsonObject parameters, List<OwnedFd> descriptors) implements AutoCloseable {
  public Answer {
    descriptors = List.copyOf(descriptors);
  }

  /** Closes the descriptors that were not moved out of here by then. */
  @Override
  public void close() {
    descriptors.forEach(OwnedFd::close);
  }
}
