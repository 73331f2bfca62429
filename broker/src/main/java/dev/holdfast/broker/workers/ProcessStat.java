package dev.holdfast.broker.workers;

import java.io.IOException;
import java.util.Optional;

/**
 * A line of /proc/PID/stat.
 *
 * @param state one letter: R, S, D, T (stopped), t (traced), Z …
 * @param group its process group
 * @param startTime in clock ticks since boot: with the pid it names a process for good
 */
record ProcessStat(char state, int parent, int group, long startTime) {

  // Counted from the state, which follows the name; the name may have spaces and parentheses.
  private static final int PARENT = 1;
  private static final int GROUP = 2;
  private static final int START_TIME = 19;

  static Optional<ProcessStat> of(int pid) throws IOException {
    return Proc.text("/proc/" + pid + "/stat").map(ProcessStat::parse);
  }

  static Optional<ProcessStat> ofThread(int pid, int thread) throws IOException {
    return Proc.text("/proc/" + pid + "/task/" + thread + "/stat").map(ProcessStat::parse);
  }

  static ProcessStat parse(String line) {
    String[] fields = line.substring(line.lastIndexOf(')') + 2).split(" ", START_TIME + 2);
    return new ProcessStat(
        fields[0].charAt(0),
        Integer.parseInt(fields[PARENT]),
        Integer.parseInt(fields[GROUP]),
        Long.parseLong(fields[START_TIME]));
  }

  boolean hasEnded() {
    return state == 'Z' || state == 'X';
  }

  /** By SIGSTOP or its like; a debugger's stop is another thing. */
  boolean isStopped() {
    return state == 'T';
  }
}
