package dev.holdfast.broker;

import dev.holdfast.fd.Child;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Exec;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Spawn;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Starts the process of a successor: our own command line with {@code --takeover}. It prints where
 * we print.
 */
final class SuccessorProcess {

  /** What was meant for us alone: descriptors that we have taken, and a worker's lease. */
  private static final List<String> OURS =
      List.of("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID", "HOLDFAST_LEASE");

  private SuccessorProcess() {}

  /**
   * Starts it. Blocks.
   *
   * @param program holdfastd of the version that is to follow
   * @param words our own command line
   */
  static Child start(String program, List<String> words) throws IOException {
    Map<String, byte[]> environment = Exec.environment();
    OURS.forEach(environment::remove);
    List<byte[]> arguments = new ArrayList<>();
    arguments.add(program.getBytes(StandardCharsets.UTF_8));
    words.forEach(word -> arguments.add(word.getBytes(StandardCharsets.UTF_8)));
    if (!words.contains("--takeover")) {
      arguments.add("--takeover".getBytes(StandardCharsets.UTF_8));
    }
    try (OwnedFd nothing = OwnedFd.openForReading("/dev/null")) {
      return new Spawn(
              program.getBytes(StandardCharsets.UTF_8),
              arguments,
              List.copyOf(environment.values()))
          .place(nothing, 0)
          .start();
    }
  }

  /** How one that has ended did so; frees its pid, and closes it. */
  static String end(Child ended) {
    String how = "ended";
    try {
      how =
          ended
              .ended()
              .map(
                  end ->
                      end.signal() == 0
                          ? "exited with " + end.code()
                          : "was killed by signal " + end.signal())
              .orElse(how);
      ended.reap();
    } catch (ErrnoException e) {
      how = "ended, and was reaped by another hand";
    } finally {
      ended.close();
    }
    return how;
  }
}
