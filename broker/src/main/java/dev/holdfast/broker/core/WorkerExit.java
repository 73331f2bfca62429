package dev.holdfast.broker.core;

/**
 * How a process ended (waitpid(2)).
 *
 * @param code its exit code, when no signal killed it; {@link #UNKNOWN}
 * @param signal the signal that killed it, or 0
 * @param lastOutput the last lines that it wrote; empty when there are none
 */
public record WorkerExit(int code, int signal, String lastOutput) {

  /** The code of one whose end nobody could see: it was no child of this broker's. */
  public static final int UNKNOWN = -1;

  /** {@code exited with 1}, {@code was killed by SIGSEGV}. */
  public String describe() {
    if (signal != 0) {
      return "was killed by " + signalName();
    }
    return switch (code) {
      case UNKNOWN -> "has ended (how is not known: another broker had started it)";
      case 126 -> "exited with 126 (its program could not be executed)";
      case 127 -> "exited with 127 (its program was not found)";
      default -> "exited with " + code;
    };
  }

  /** The numbers on which all architectures agree that we run on (signal(7)). */
  private String signalName() {
    return switch (signal) {
      case 1 -> "SIGHUP";
      case 2 -> "SIGINT";
      case 3 -> "SIGQUIT";
      case 4 -> "SIGILL";
      case 6 -> "SIGABRT";
      case 7 -> "SIGBUS";
      case 8 -> "SIGFPE";
      case 9 -> "SIGKILL";
      case 11 -> "SIGSEGV";
      case 13 -> "SIGPIPE";
      case 14 -> "SIGALRM";
      case 15 -> "SIGTERM";
      default -> "signal " + signal;
    };
  }
}
