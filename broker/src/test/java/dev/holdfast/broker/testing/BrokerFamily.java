package dev.holdfast.broker.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The processes that belong to one control socket, whoever their parents are: brokers and their
 * successors, by their arguments; workers and other programs, by HOLDFAST_SOCKET. Those of another
 * user are not seen.
 */
public final class BrokerFamily {
  private final Path socket;

  private BrokerFamily(Path socket) {
    this.socket = socket;
  }

  public static BrokerFamily at(Path socket) {
    return new BrokerFamily(socket);
  }

  /** Those which are a broker there, or are about to become one. */
  public List<Integer> brokers() {
    return found(this::isBroker);
  }

  /** Ends all of them; for what a test leaves behind when it fails, or kills a broker. */
  public void end() {
    for (int pid : found(each -> isBroker(each) || isOther(each))) {
      ProgramProcess.signal(pid, ProgramProcess.SIGKILL);
    }
  }

  private interface Question {
    boolean ask(Path process) throws IOException;
  }

  private List<Integer> found(Question question) {
    List<Integer> found = new ArrayList<>();
    try {
      for (Processes.Entry each : Processes.that(entry -> !entry.isZombie())) {
        try {
          if (each.pid() != ProcessHandle.current().pid()
              && question.ask(Path.of("/proc/" + each.pid()))) {
            found.add(each.pid());
          }
        } catch (IOException e) {
          // It has ended meanwhile, or is somebody else's.
        }
      }
    } catch (IOException e) {
      throw new AssertionError("looking for the processes at " + socket, e);
    }
    return found;
  }

  private boolean isBroker(Path process) throws IOException {
    List<String> words = words(process.resolve("cmdline"));
    int option = words.indexOf("--socket");
    return option >= 0
        && option + 1 < words.size()
        && words.get(option + 1).equals(socket.toString())
        && isProgram(words);
  }

  /** Not what runs one: strace, unshare, a shell that starts it again. */
  private static boolean isProgram(List<String> words) {
    String first = Path.of(words.get(0)).getFileName().toString();
    boolean isScript = words.size() > 1 && words.get(1).endsWith("/holdfastd");
    return first.equals("java") || first.equals("holdfastd") || isScript;
  }

  private boolean isOther(Path process) throws IOException {
    return words(process.resolve("environ")).contains("HOLDFAST_SOCKET=" + socket);
  }

  private static List<String> words(Path file) throws IOException {
    String text = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
    return List.of(text.split("\0"));
  }
}
