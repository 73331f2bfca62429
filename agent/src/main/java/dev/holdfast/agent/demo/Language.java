package dev.holdfast.agent.demo;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** What a worker that never heard of Holdfast can be written in. */
enum Language {
  PYTHON("python3", "python", "worker.py", "-c", "import sys; print(sys.executable)", true),
  NODE("node", "node", "worker.js", "-p", "process.execPath", false),
  PERL("perl", "perl", "worker.pl", "-e", "print $^X", true);

  private static final long SECONDS_TO_ANSWER = 10;

  private final String program;
  private final String word;
  private final String script;
  private final String option;
  private final String whereAreYou;
  private final boolean oneAtATime;

  Language(
      String program,
      String word,
      String script,
      String option,
      String whereAreYou,
      boolean oneAtATime) {
    this.program = program;
    this.word = word;
    this.script = script;
    this.option = option;
    this.whereAreYou = whereAreYou;
    this.oneAtATime = oneAtATime;
  }

  /** An interpreter that was found to run. */
  record Interpreter(Language language, Path path) {

    /** The command, after its script was written into the directory. */
    List<String> command(Path directory, String worker, Path acceptLog) throws DemoException {
      Path script = directory.resolve(language.script);
      try (InputStream source = Language.class.getResourceAsStream(language.script)) {
        if (source == null) {
          throw new DemoException(language.script + " is missing in this build");
        }
        if (!Files.exists(script)) {
          Files.write(script, source.readAllBytes());
        }
      } catch (IOException e) {
        throw new DemoException("write " + script, e);
      }
      return List.of(path.toString(), script.toString(), worker, acceptLog.toString());
    }
  }

  /** The first of the workers' names in this language is {@code word-1}. */
  String word() {
    return word;
  }

  /** Whether its worker answers one connection before it accepts the next. */
  boolean oneAtATime() {
    return oneAtATime;
  }

  /** The interpreters that run here, at most this many. */
  static List<Interpreter> found(int atMost) {
    List<Interpreter> found = new ArrayList<>();
    for (Language language : values()) {
      if (found.size() < atMost) {
        language.find().ifPresent(path -> found.add(new Interpreter(language, path)));
      }
    }
    return found;
  }

  /**
   * Asks the program where it is: what PATH finds may be a script that chooses a version, slowly,
   * and a name alone would not say whether it runs.
   */
  private Optional<Path> find() {
    try {
      Process process =
          new ProcessBuilder(program, option, whereAreYou)
              .redirectInput(new File("/dev/null"))
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      boolean ended =
          process
              .onExit()
              .thenApply(gone -> true)
              .completeOnTimeout(false, SECONDS_TO_ANSWER, TimeUnit.SECONDS)
              .join();
      if (!ended) {
        process.destroyForcibly();
        return Optional.empty();
      }
      String answer =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
      return process.exitValue() == 0 && Files.isExecutable(Path.of(answer))
          ? Optional.of(Path.of(answer))
          : Optional.empty();
    } catch (IOException | IllegalArgumentException e) {
      return Optional.empty(); // Not installed, which is the question.
    }
  }
}
