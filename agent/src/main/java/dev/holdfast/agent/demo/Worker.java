package dev.holdfast.agent.demo;

import java.nio.file.Path;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** One worker, from its start to its end. Only the directing thread touches it. */
final class Worker {

  private final Child child;
  private final String program;
  private final @Nullable Path acceptLog;
  private final boolean oneAtATime;
  private String end = "";
  private @Nullable Kill kill;

  /**
   * @param asked before SIGKILL was sent
   * @param done when the process was gone
   */
  record Kill(Instant asked, Instant done) {}

  Worker(Child child, String program, @Nullable Path acceptLog, boolean oneAtATime) {
    this.child = child;
    this.program = program;
    this.acceptLog = acceptLog;
    this.oneAtATime = oneAtATime;
  }

  String name() {
    return child.name();
  }

  Child child() {
    return child;
  }

  /** What it is, in a few words. */
  String program() {
    return program;
  }

  /** Where it writes down whom it accepted; null when it does not. */
  @Nullable Path acceptLog() {
    return acceptLog;
  }

  boolean oneAtATime() {
    return oneAtATime;
  }

  /** How it ended, empty while it is to go on. */
  String end() {
    return end;
  }

  void ended(String how) {
    end = how;
  }

  @Nullable Kill kill() {
    return kill;
  }

  void killNow() {
    Instant asked = Instant.now();
    child.kill();
    kill = new Kill(asked, Instant.now());
    end = "killed with -9";
  }
}
