package dev.holdfast.broker.control;

import dev.holdfast.broker.core.Caller;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.varlink.JsonObject;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What the control floor asks of the broker as a whole. No method blocks: each is called on the
 * loop's thread, and the answer goes to the connection later. Who may ask was looked at before.
 */
public interface Operator {

  /**
   * Reads the configuration anew. Answered by the state, or by {@link Methods#reloadFailed}.
   *
   * @param connection who waits for it
   */
  void reload(long connection);

  /**
   * Takes a listener out of a running process. Answered by the state when {@link
   * dev.holdfast.broker.core.Event.Adopted} is applied, for which the process's pidfd is left with
   * {@link Connections#keepPidfd}; or by {@link Methods#adoptFailed}.
   */
  void adopt(Adoption wanted);

  /**
   * Has another broker take the place of this one. Answered by {@link Methods#upgradeStep} and
   * {@link Methods#upgradeFailed}; the last step by the successor, which gets the connection.
   *
   * @param connection who waits for it
   * @param program the absolute path of what is started; empty for what this broker is
   */
  void upgrade(long connection, Optional<Path> program);

  /**
   * A successor is there. Its call waits for an answer, and gets it by {@link
   * Connections#converse}; or by {@link Methods#handoverFailed}.
   *
   * @param connection the successor's
   * @param formats those of the handover that it reads
   */
  void handover(long connection, List<Integer> formats);

  /** What does not change while the broker runs. */
  Identity identity();

  /**
   * What is to be taken out of which process.
   *
   * @param caller who waits for it
   * @param port of the socket, where the process has several
   * @param endpoint of the socket, as the wire writes it
   * @param service what the lease of the process says
   * @param stopSignal asks the process to finish
   * @param nonBlocking whether O_NONBLOCK is set on the socket
   */
  record Adoption(
      Caller caller,
      ListenerName name,
      int pid,
      OptionalInt port,
      Optional<String> endpoint,
      String service,
      int stopSignal,
      boolean nonBlocking) {}

  /** What an upgrade has done; the names are those of the wire. */
  enum UpgradeStep {
    BEGUN("begun"),
    STARTED("started"),
    HANDED_OVER("handedOver"),
    DONE("done");

    private final String word;

    UpgradeStep(String word) {
      this.word = word;
    }

    String word() {
      return word;
    }
  }

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
