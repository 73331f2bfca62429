package dev.holdfast.broker.control;

import dev.holdfast.varlink.JsonObject;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;

/** What the control floor asks of the broker as a whole. */
public interface Operator {

  /**
   * Reads the configuration anew, without blocking; the answer goes to the connection later.
   *
   * @param connection who waits for it
   */
  void reload(long connection);

  /** What does not change while the broker runs. */
  Identity identity();

  /** Names the process to those who ask. */
  record Identity(
      int pid,
      int uid,
      String version,
      String socket,
      Path stateDirectory,
      Optional<Path> config,
      Instant started) {

    /** The fields of Control.Status that come from here. */
    JsonObject.Builder status() {
      return JsonObject.builder()
          .put("pid", pid)
          .put("version", version)
          .put("socket", socket)
          .put("stateDirectory", stateDirectory.toString())
          .put("config", config.map(Path::toString).orElse(null))
          .put("uid", Integer.toUnsignedLong(uid))
          .put("startedUsec", Wire.microseconds(started));
    }
  }
}
