package dev.holdfast.broker.core;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Something that happened: one line of the log, one event for those who watch.
 *
 * @param name the listener, the stored descriptor, or the service
 */
public record Notice(
    Kind kind, @Nullable String name, @Nullable String lease, String message, Instant at) {

  /** The names are those of the wire. */
  public enum Kind {
    LISTENER_OPENED("listenerOpened"),
    LISTENER_CHANGED("listenerChanged"),
    LISTENER_CLOSED("listenerClosed"),
    LISTENER_FAILED("listenerFailed"),
    LISTENER_HEALED("listenerHealed"),
    FLAGS_RESTORED("flagsRestored"),
    BACKLOG_RESTORED("backlogRestored"),
    LEASE_GRANTED("leaseGranted"),
    LEASE_READY("leaseReady"),
    LEASE_DRAINING("leaseDraining"),
    LEASE_ENDED("leaseEnded"),
    STORED("stored"),
    REMOVED("removed"),
    RELOADED("reloaded"),
    WORKER_STARTED("workerStarted"),
    WORKER_STOPPING("workerStopping"),
    WORKER_KILLED("workerKilled"),
    WORKER_EXITED("workerExited"),
    WORKER_FAILED("workerFailed"),
    ROLLOUT_BEGUN("rolloutBegun"),
    ROLLOUT_DONE("rolloutDone"),
    ROLLOUT_FAILED("rolloutFailed"),
    SERVICE_CHANGED("serviceChanged"),
    LISTENER_RECOVERED("listenerRecovered"),
    LISTENER_LOST("listenerLost"),
    LISTENER_ADOPTED("listenerAdopted"),
    LEASE_RESTORED("leaseRestored"),
    WORKER_ADOPTED("workerAdopted"),
    WARNING("warning");

    private final String word;

    Kind(String word) {
      this.word = word;
    }

    public String word() {
      return word;
    }

    /** Whether an operator must act, or should know at once. */
    public boolean isWarning() {
      return switch (this) {
        case LISTENER_FAILED,
            LISTENER_HEALED,
            FLAGS_RESTORED,
            BACKLOG_RESTORED,
            WORKER_KILLED,
            WORKER_FAILED,
            ROLLOUT_FAILED,
            LISTENER_LOST,
            WARNING ->
            true;
        case LISTENER_OPENED,
            LISTENER_CHANGED,
            LISTENER_CLOSED,
            LEASE_GRANTED,
            LEASE_READY,
            LEASE_DRAINING,
            LEASE_ENDED,
            STORED,
            REMOVED,
            RELOADED,
            WORKER_STARTED,
            WORKER_STOPPING,
            WORKER_EXITED,
            ROLLOUT_BEGUN,
            ROLLOUT_DONE,
            SERVICE_CHANGED,
            LISTENER_RECOVERED,
            LISTENER_ADOPTED,
            LEASE_RESTORED,
            WORKER_ADOPTED ->
            false;
      };
    }
  }
}
