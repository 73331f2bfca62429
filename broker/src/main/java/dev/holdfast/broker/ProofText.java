package dev.holdfast.broker;

import dev.holdfast.broker.core.SocketProof.PathProof;
import dev.holdfast.varlink.JsonObject;
import java.util.Optional;

/** The file of the control socket, as it stands in a handover. */
final class ProofText {

  private ProofText() {}

  static JsonObject write(PathProof proof) {
    return JsonObject.of(
        "identity", proof.identity(), "bornUid", proof.bornUid(), "bornGid", proof.bornGid());
  }

  /**
   * Empty for a socket without a path.
   *
   * @throws IllegalArgumentException when it makes no sense
   */
  static Optional<PathProof> read(JsonObject text) {
    return text.has("identity")
        ? Optional.of(
            new PathProof(
                text.string("identity"),
                Math.toIntExact(text.integer("bornUid")),
                Math.toIntExact(text.integer("bornGid"))))
        : Optional.empty();
  }
}
