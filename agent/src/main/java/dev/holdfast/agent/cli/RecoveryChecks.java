package dev.holdfast.agent.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.KernelFeatures;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which ways a new broker has to find its listeners again when this one dies. Where a broker runs,
 * it is about that one, and not about who asks.
 */
final class RecoveryChecks {

  private static final int CAP_SYS_PTRACE = 19;
  private static final int NOT_TRIED = -1;
  private static final String FIRST_PID_NAMESPACE = "pid:[4026531836]"; // PROC_PID_INIT_INO
  private static final long ENOUGH_SPACE = 16 << 20;

  /** File systems that wait for another host, or for another process. */
  private static final Set<String> SLOW =
      Set.of("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "fuse", "fuseblk");

  /**
   * The broker that runs, or may run.
   *
   * @param process as /proc names it; {@code self} where it is not known
   * @param environment null where we may not see it
   */
  private record Running(
      String process,
      boolean there,
      int uid,
      @Nullable Path stateDirectory,
      @Nullable Map<String, String> environment) {}

  private RecoveryChecks() {}

  static List<Check> run(UnixAddress address) {
    Running broker = running(address);
    long scope = Proc.number("/proc/sys/kernel/yama/ptrace_scope", 0);
    return List.of(
        pidfdGetfd(
            KernelFeatures.hasPidfdGetfd(),
            scope,
            Proc.hasCapability(broker.process(), CAP_SYS_PTRACE),
            tryParent(broker)),
        processes(
            Proc.link("/proc/" + broker.process() + "/ns/pid"),
            !broker.process().equals("self") && lastPid(broker.process()) == 1,
            hidesProcesses(Proc.lines("/proc/self/mounts")),
            broker.uid()),
        store(broker.there(), broker.environment()),
        stateDirectory(stateDirectory(broker, address), broker.uid()));
  }

  private static Running running(UnixAddress address) {
    try (Broker broker = Broker.connect(address, "doctor")) {
      JsonObject status = broker.call("dev.holdfast.Control.Status", JsonObject.EMPTY);
      String process = Long.toString(status.integer("pid"));
      return new Running(
          process,
          true,
          (int) status.integer("uid"),
          Path.of(status.string("stateDirectory")),
          environment(process));
    } catch (VarlinkException e) {
      return unknown(true); // it does not tell whoever asks
    } catch (Failure | IllegalArgumentException e) {
      return unknown(false);
    }
  }

  private static Running unknown(boolean there) {
    return new Running("self", there, Limits.effectiveUid(), null, null);
  }

  private static @Nullable Map<String, String> environment(String process) {
    try {
      Map<String, String> result = new HashMap<>();
      byte[] bytes = Files.readAllBytes(Path.of("/proc/" + process + "/environ"));
      for (String entry : new String(bytes, UTF_8).split("\0", -1)) {
        int equals = entry.indexOf('=');
        if (equals > 0) {
          result.put(entry.substring(0, equals), entry.substring(equals + 1));
        }
      }
      return result;
    } catch (IOException e) {
      return null;
    }
  }

  /** Tries it on whoever called us: a process of the same user that we did not start. */
  private static int tryParent(Running broker) {
    Optional<ProcessHandle> parent = ProcessHandle.current().parent();
    return parent.isPresent() && broker.uid() == Limits.effectiveUid()
        ? KernelFeatures.refusalToTakeFrom((int) parent.get().pid())
        : NOT_TRIED;
  }

  /**
   * Whether a broker may take sockets out of processes (pidfd_getfd(2)).
   *
   * @param capable whether the broker has CAP_SYS_PTRACE
   * @param tried the errno of a try on a process of the same user, 0 when it was permitted
   */
  static Check pidfdGetfd(boolean there, long ptraceScope, boolean capable, int tried) {
    String name = "pidfd_getfd";
    String found = "ptrace_scope " + ptraceScope + (capable ? ", CAP_SYS_PTRACE" : "");
    String meaning =
        "a broker that was killed may not take its listeners back from workers: they have to give"
            + " them, as those of the library do, or systemd has to keep them";
    if (!there) {
      return Check.limited(
          name,
          "not there",
          meaning,
          "run Linux 5.6 or later, or let the sandbox's seccomp filter allow pidfd_getfd");
    }
    if (ptraceScope >= 3) {
      return Check.limited(
          name,
          found,
          meaning,
          "sysctl kernel.yama.ptrace_scope is 3, which only a reboot changes");
    }
    if (ptraceScope > 0 && !capable) {
      return Check.limited(
          name,
          found,
          meaning,
          "run the broker as root or with CAP_SYS_PTRACE, or set sysctl"
              + " kernel.yama.ptrace_scope=0");
    }
    if (tried > 0 && !capable) {
      return Check.limited(
          name,
          found + ", " + Errno.name(tried) + " for a process of this user",
          meaning,
          "run the broker with CAP_SYS_PTRACE, or look which security module forbids it");
    }
    return Check.ok(
        name,
        found,
        "listeners are taken back from workers after a crash: "
            + (capable ? "of every user" : "of the broker's own user"));
  }

  /**
   * Whether the processes that hold listeners can be seen.
   *
   * @param namespace as /proc/PID/ns/pid has it; empty where we may not look
   * @param first whether the broker is process 1 of it
   */
  static Check processes(Optional<String> namespace, boolean first, boolean hidden, int uid) {
    String name = "processes seen";
    boolean outermost = namespace.isEmpty() || namespace.get().equals(FIRST_PID_NAMESPACE);
    String found =
        (outermost ? "of the host" : "of a pid namespace") + (hidden ? ", /proc has hidepid" : "");
    if (first && !outermost) {
      return Check.limited(
          name,
          found + ", the broker is its process 1",
          "all processes of the container end with the broker, and every queue with them",
          "start it below an init, as docker run --init does, or pass the broker's socket into the"
              + " container instead");
    }
    if (hidden && uid != 0) {
      return Check.limited(
          name,
          found,
          "workers of other users are not found again after a crash",
          "mount /proc without hidepid, or give the broker the group of its gid= option");
    }
    return Check.ok(
        name,
        found,
        outermost
            ? "whoever holds a listener is found again after a crash"
            : "workers in it, and in those below it, are found again after a crash");
  }

  private static boolean hidesProcesses(List<String> mounts) {
    for (String line : mounts) {
      String[] words = line.split(" ", -1);
      if (words.length > 3 && words[1].equals("/proc") && words[2].equals("proc")) {
        return List.of(words[3].split(",", -1)).stream()
            .anyMatch(each -> each.startsWith("hidepid=") && !each.matches("hidepid=(0|off)"));
      }
    }
    return false;
  }

  /** Its pid in its own namespace. */
  private static int lastPid(String process) {
    for (String line : Proc.lines("/proc/" + process + "/status")) {
      if (line.startsWith("NSpid:")) {
        String[] words = line.substring(6).trim().split("\\s+", -1);
        return Integer.parseInt(words[words.length - 1]);
      }
    }
    return 0;
  }

  /**
   * Whether systemd keeps the listeners while there is no broker.
   *
   * @param environment of the broker; null where we may not see it
   */
  static Check store(boolean running, @Nullable Map<String, String> environment) {
    String name = "descriptor store";
    if (environment == null) {
      return Check.limited(
          name,
          "not known",
          running ? "the broker's environment may not be read" : "no broker runs that has one",
          running
              ? "run this as root, or as the broker's user"
              : "start the broker, by systemd if listeners have to outlive all their workers");
    }
    if (environment.getOrDefault("NOTIFY_SOCKET", "").isEmpty()) {
      return Check.limited(
          name,
          "none: the broker is no service of systemd",
          "when the broker and all workers are killed, listeners are bound anew and what was"
              + " queued is lost",
          "run it as a systemd service with FileDescriptorStoreMax=");
    }
    String most = environment.get("FDSTORE"); // set since systemd 254
    if (most == null) {
      return Check.limited(
          name,
          "of systemd, size not known",
          "it keeps nothing unless FileDescriptorStoreMax= is set; systemd tells its size since 254",
          "set FileDescriptorStoreMax=512 in the broker's unit");
    }
    return Check.ok(
        name,
        "of systemd, " + most + " descriptors",
        "listeners outlive the broker and all workers");
  }

  private static Path stateDirectory(Running broker, UnixAddress address) {
    if (broker.stateDirectory() != null) {
      return broker.stateDirectory();
    }
    Path beside =
        address instanceof UnixAddress.Path at ? at.path().toAbsolutePath().getParent() : null;
    return beside == null ? Path.of("/") : beside;
  }

  /** Whether the broker can write down what it has. */
  static Check stateDirectory(Path directory, int brokerUid) {
    String name = "state directory";
    String found = directory.toString();
    if (!Files.isDirectory(directory)) {
      return Check.missing(
          name, found, "the journal will be there", "holdfastd makes it when it starts, if it may");
    }
    String lost = "without a journal, a broker that was killed knows only its configuration";
    boolean own = Limits.effectiveUid() == brokerUid;
    try {
      FileStore store = Files.getFileStore(directory);
      found += ", " + store.type();
      if (store.isReadOnly() || (own && !Files.isWritable(directory))) {
        return Check.limited(
            name,
            found + ", not writable",
            lost,
            "name another with --state or state = in [broker], or make this one writable");
      }
      if (SLOW.contains(store.type()) || store.type().startsWith("fuse.")) {
        return Check.limited(
            name,
            found,
            "each change is written to the journal, and waits for whoever serves this file system",
            "name a directory of this host with --state or state = in [broker]");
      }
      if (store.getUsableSpace() < ENOUGH_SPACE) {
        return Check.limited(
            name,
            found + ", " + (store.getUsableSpace() >> 20) + " MiB free",
            "when it is full, the journal does not have the latest changes",
            "make room there, or name another with --state");
      }
    } catch (IOException e) {
      return Check.limited(name, found, "cannot be looked at: " + e.getMessage(), "");
    }
    return Check.ok(name, found, "what the broker has is written there; good for one boot");
  }
}
