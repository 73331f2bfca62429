package dev.holdfast.broker.control;

import dev.holdfast.broker.bind.ListenerSockets;
import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Notice;
import dev.holdfast.broker.core.Refusal;
import dev.holdfast.broker.core.SocketKind;
import dev.holdfast.fd.AcceptQueue;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.listener.Transport;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Puts values into the words of the .varlink texts. Has no state of its own. */
final class Wire {

  private final ListenerSockets sockets;

  /**
   * A writer of values.
   *
   * @param sockets asked for what only the kernel knows
   */
  Wire(ListenerSockets sockets) {
    this.sockets = sockets;
  }

  /** The named error of a refusal, in the interface that was called. */
  static VarlinkException error(String interfaceName, Refusal refusal) {
    String prefix = interfaceName + ".";
    if (refusal instanceof Refusal.NoSuchListener no) {
      return new VarlinkException(prefix + "NoSuchListener", JsonObject.of("name", no.name()));
    }
    if (refusal instanceof Refusal.NoSuchLease no) {
      return new VarlinkException(prefix + "NoSuchLease", JsonObject.of("lease", no.lease()));
    }
    if (refusal instanceof Refusal.NoSuchDescriptor no) {
      return new VarlinkException(prefix + "NoSuchDescriptor", JsonObject.of("name", no.name()));
    }
    if (refusal instanceof Refusal.NotPermitted not) {
      return new VarlinkException(
          prefix + "NotPermitted", JsonObject.of("name", not.name(), "right", not.right()));
    }
    if (refusal instanceof Refusal.ListenerStopped stopped) {
      return new VarlinkException(
          prefix + "ListenerStopped", JsonObject.of("name", stopped.name()));
    }
    if (refusal instanceof Refusal.LimitReached limit) {
      return new VarlinkException(
          prefix + "LimitReached", JsonObject.of("limit", limit.limit(), "value", limit.value()));
    }
    if (refusal instanceof Refusal.BindFailed failed) {
      return new VarlinkException(
          prefix + "BindFailed",
          JsonObject.builder()
              .put("name", failed.name())
              .put("endpoint", failed.endpoint())
              .put("errno", failed.errno())
              .put("message", failed.message())
              .build());
    }
    if (refusal instanceof Refusal.Conflict conflict) {
      return new VarlinkException(
          prefix + "Conflict", JsonObject.of("name", conflict.name(), "heldBy", conflict.heldBy()));
    }
    if (refusal instanceof Refusal.ReloadFailed failed) {
      return reloadFailed("", 0, failed.message());
    }
    if (refusal instanceof Refusal.NoSuchService no) {
      return new VarlinkException(prefix + "NoSuchService", JsonObject.of("service", no.service()));
    }
    if (refusal instanceof Refusal.RestartFailed failed) {
      return new VarlinkException(
          prefix + "RestartFailed",
          JsonObject.of("service", failed.service(), "reason", failed.reason()));
    }
    if (refusal instanceof Refusal.ServiceBusy busy) {
      return new VarlinkException(
          prefix + "ServiceBusy",
          JsonObject.of("service", busy.service(), "operation", busy.operation()));
    }
    if (refusal instanceof Refusal.ServiceStopped stopped) {
      return new VarlinkException(
          prefix + "ServiceStopped", JsonObject.of("service", stopped.service()));
    }
    if (refusal instanceof Refusal.ServiceSupervised supervised) {
      return new VarlinkException(
          prefix + "ServiceSupervised", JsonObject.of("service", supervised.service()));
    }
    if (refusal instanceof Refusal.ShuttingDown) {
      return new VarlinkException(prefix + "ShuttingDown", JsonObject.EMPTY);
    }
    if (refusal instanceof Refusal.InvalidParameter invalid) {
      return VarlinkException.invalidParameter(invalid.parameter());
    }
    throw new IllegalStateException("a refusal without an error: " + refusal);
  }

  static VarlinkException reloadFailed(String file, int line, String message) {
    return new VarlinkException(
        "dev.holdfast.Control.ReloadFailed",
        JsonObject.builder()
            .put("file", file)
            .put("line", line == 0 ? null : line)
            .put("message", message)
            .build());
  }

  static JsonObject socket(Answer.Passed passed, int index) {
    return JsonObject.builder()
        .put("listener", passed.listener().value())
        .put("endpoint", passed.socket().endpoint())
        .put("kind", passed.socket().kind().word())
        .put("multithreaded", passed.multithreaded() ? true : null)
        .put("fileDescriptorIndex", index)
        .build();
  }

  JsonObject listener(Answer.ListenerView view) {
    BoundSocket socket = view.socket();
    BoundSocket companion = view.companion();
    Optional<AcceptQueue> queue =
        socket == null ? Optional.empty() : sockets.acceptQueue(socket.id());
    return JsonObject.builder()
        .put("name", view.name().value())
        .put("spec", view.config().spec().toString())
        .put("endpoint", socket == null ? null : socket.endpoint())
        .put("kind", kind(view).word())
        .put("port", port(view))
        .put("state", view.state())
        .put("backlog", view.config().backlog())
        .put("blocking", view.config().blocking())
        .put("idle", view.config().idle().word())
        .put("queueLength", queue.map(AcceptQueue::length).orElse(null))
        .put("queueLimit", queue.map(AcceptQueue::limit).orElse(null))
        .put("drops", queue.map(AcceptQueue::drops).orElse(null))
        .put("leases", view.leases())
        .put("healed", view.healed())
        .put("flagsRestored", view.flagsRestored())
        .put("backlogRestored", view.backlogRestored())
        .put("message", view.message())
        .put("companion", companion == null ? null : companion.endpoint())
        .build();
  }

  private static SocketKind kind(Answer.ListenerView view) {
    BoundSocket socket = view.socket();
    if (socket != null) {
      return socket.kind();
    }
    ListenSpec spec = view.config().spec();
    if (spec instanceof ListenSpec.Inet inet && inet.transport() == Transport.UDP) {
      return SocketKind.DATAGRAM;
    }
    return spec instanceof ListenSpec.Unix unix && unix.transport() == Transport.SEQPACKET
        ? SocketKind.SEQPACKET
        : SocketKind.STREAM;
  }

  private static @Nullable Integer port(Answer.ListenerView view) {
    BoundSocket socket = view.socket();
    if (socket == null) {
      return view.config().isStopped() ? 0 : null;
    }
    return socket.port() == 0 ? null : socket.port();
  }

  /** Looks each process up once, however many leases it has: /proc is slow, and others wait. */
  static List<JsonObject> leases(List<Answer.LeaseView> views) {
    Map<Integer, Optional<String>> programs = new HashMap<>();
    List<JsonObject> result = new ArrayList<>(views.size());
    for (Answer.LeaseView view : views) {
      result.add(lease(view, programs.computeIfAbsent(view.pid(), Wire::program)));
    }
    return result;
  }

  private static JsonObject lease(Answer.LeaseView view, Optional<String> program) {
    return JsonObject.builder()
        .put("lease", view.lease().value())
        .put("listeners", view.listeners().stream().map(ListenerName::value).toList())
        .put("pid", view.pid())
        .put("uid", Integer.toUnsignedLong(view.uid()))
        .put("service", view.service())
        .put("state", view.state().word())
        .put("hold", view.hold().word())
        .put("program", program.orElse(null))
        .put("sinceUsec", microseconds(view.since()))
        .build();
  }

  /** What /proc calls the process now; after an exec, the program that replaced the launcher. */
  private static Optional<String> program(int pid) {
    try {
      return Optional.of(Files.readString(Path.of("/proc", String.valueOf(pid), "comm")).strip());
    } catch (IOException e) {
      return Optional.empty(); // it is not in our pid namespace, or just gone
    }
  }

  static JsonObject stored(Answer.StoredView view) {
    return JsonObject.of(
        "name", view.name(), "kind", view.kind(), "uid", Integer.toUnsignedLong(view.uid()));
  }

  static JsonObject service(Answer.ServiceView view) {
    return JsonObject.builder()
        .put("name", view.name())
        .put("state", view.state())
        .put("workers", view.workers())
        .put("ready", view.ready())
        .put("generation", view.generation())
        .put("restarts", view.restarts())
        .put("changed", view.changed())
        .put("nextStartUsec", view.nextStart().map(Wire::microseconds).orElse(null))
        .put("message", view.message())
        .put("listeners", view.listeners().stream().map(ListenerName::value).toList())
        .put("processes", view.processes().stream().map(Wire::worker).toList())
        .build();
  }

  private static JsonObject worker(Answer.WorkerView view) {
    return JsonObject.builder()
        .put("worker", String.valueOf(view.worker()))
        .put("lease", view.lease().value())
        .put("pid", unlessZero(view.pid()))
        .put("generation", view.generation())
        .put("state", view.state().word())
        .put("sinceUsec", microseconds(view.since()))
        .put("status", view.status())
        .build();
  }

  static JsonObject step(Answer.Progress progress) {
    return JsonObject.builder()
        .put("step", progress.step().word())
        .put("service", progress.service())
        .put("worker", progress.worker() == 0 ? null : String.valueOf(progress.worker()))
        .put("pid", unlessZero(progress.pid()))
        .put("message", progress.message())
        .put("atUsec", microseconds(progress.at()))
        .build();
  }

  static JsonObject upgradeStep(Operator.UpgradeStep step, int pid, String message, Instant at) {
    return JsonObject.builder()
        .put("step", step.word())
        .put("pid", unlessZero(pid))
        .put("message", message)
        .put("atUsec", microseconds(at))
        .build();
  }

  private static @Nullable Integer unlessZero(int pid) {
    return pid == 0 ? null : pid;
  }

  static JsonObject event(Notice notice) {
    return JsonObject.of(
        "event",
        JsonObject.builder()
            .put("kind", notice.kind().word())
            .put("name", notice.name())
            .put("lease", notice.lease())
            .put("message", notice.message())
            .put("atUsec", microseconds(notice.at()))
            .build());
  }

  static JsonObject state(Answer.State state) {
    return JsonObject.builder()
        .put("state", state.state().word())
        .put("deadlineUsec", state.deadline().map(Wire::microseconds).orElse(null))
        .build();
  }

  static String microseconds(Instant at) {
    return String.valueOf(ChronoUnit.MICROS.between(Instant.EPOCH, at));
  }
}
