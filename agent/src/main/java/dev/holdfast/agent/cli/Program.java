package dev.holdfast.agent.cli;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Exec;
import dev.holdfast.fd.OwnedFd;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The program that takes the place of this process, and what it will find there. */
final class Program {

  private final String path;
  private final List<String> words;
  private final Map<Integer, OwnedFd> placed = new TreeMap<>();

  private Program(String path, List<String> words) {
    this.path = path;
    this.words = words;
  }

  /**
   * Looks for it, before anything is asked of the broker.
   *
   * @param words byte text, the program's name first
   * @throws Failure 126 or 127
   */
  static Program find(List<String> words, @Nullable String pathVariable) throws Failure {
    return new Program(ProgramSearch.find(words.get(0), pathVariable), words);
  }

  String path() {
    return path;
  }

  /** The program will find the borrowed descriptor under this number. */
  void place(OwnedFd borrowed, int number) {
    placed.put(number, borrowed);
  }

  /** The arguments with their placeholders replaced. */
  List<String> arguments(List<String> names, int firstNumber) {
    List<String> result = new ArrayList<>(words.size());
    for (String word : words) {
      result.add(Placeholders.replace(word, names, firstNumber));
    }
    return result;
  }

  /** Becomes the program. Returns only when that failed, with the reason. */
  Failure start(List<String> arguments, ProgramEnvironment environment) {
    return start(path, arguments, environment);
  }

  /** Does all that {@link #start} does, with a program that cannot be there. */
  Failure rehearse(List<String> arguments, ProgramEnvironment environment) {
    return start("", arguments, environment);
  }

  private Failure start(String file, List<String> arguments, ProgramEnvironment environment) {
    List<byte[]> bytes = new ArrayList<>(arguments.size());
    for (String argument : arguments) {
      bytes.add(ByteText.bytes(argument));
    }
    Exec exec = new Exec(ByteText.bytes(file), bytes, environment.entries());
    for (Map.Entry<Integer, OwnedFd> place : placed.entrySet()) {
      exec.place(place.getValue(), place.getKey());
    }
    try {
      return ProgramSearch.failure(file, exec.replaceProcess().errno(), "");
    } catch (ErrnoException e) {
      return new Failure(
          ExitCode.SYSTEM,
          "place descriptors for "
              + ByteText.decode(path)
              + ": "
              + e.getMessage()
              + "; is ulimit -n high enough?",
          e);
    }
  }
}
