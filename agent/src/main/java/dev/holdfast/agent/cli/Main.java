package dev.holdfast.agent.cli;

import dev.holdfast.spelling.NearestName;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;

/**
 * Where the command starts. Looks at the first word and builds that verb alone: each class that is
 * loaded is time that a user waits.
 */
public final class Main {

  /**
   * Where JNA looks for libraries of the system. We need none; left unset, JNA starts ldconfig(8)
   * to find out.
   */
  private static final String LIBRARY_PATH = "jna.platform.library.path";

  private Main() {}

  public static void main(String[] arguments) {
    if (System.getProperty(LIBRARY_PATH) == null) {
      System.setProperty(LIBRARY_PATH, "");
    }
    System.exit(run(arguments, Surroundings.ofThisProcess()).number());
  }

  /** Does what the words say and returns how it ended; never throws. */
  static ExitCode run(String[] arguments, Surroundings surroundings) {
    boolean json = false;
    try {
      String first = arguments.length == 0 ? "help" : verbName(arguments[0]);
      Verb verb = Verbs.create(first);
      if (verb == null) {
        if (first.equals(Training.WORD)) {
          return Training.run(surroundings);
        }
        throw unknown(first);
      }
      json = wantsJson(arguments);
      String[] words = new String[Math.max(0, arguments.length - 1)];
      System.arraycopy(arguments, Math.min(1, arguments.length), words, 0, words.length);
      return run(verb, first, words, surroundings);
    } catch (Failure e) {
      return report(e, json, surroundings);
    } catch (IOException e) {
      return report(
          new Failure(ExitCode.SYSTEM, "train: " + e.getMessage(), e), json, surroundings);
    } catch (RuntimeException | Error e) {
      return reportBug(e, surroundings);
    }
  }

  private static ExitCode run(Verb verb, String name, String[] words, Surroundings surroundings)
      throws Failure {
    String[] own = words;
    try {
      if (verb instanceof TakesProgram taker) {
        own = ownWords(name, taker, ByteText.arguments(words));
      }
      if (verb instanceof ExecVerb exec && ExecWords.fill(exec, own)) {
        return exec.run(surroundings);
      }
      return Parser.parse(verb, name, own, surroundings) ? verb.run(surroundings) : ExitCode.OK;
    } catch (VarlinkException e) {
      throw WireErrors.failure(verb.attempted(), e);
    } catch (IOException e) {
      throw new Failure(ExitCode.SYSTEM, verb.attempted() + ": " + e.getMessage(), e);
    } catch (IllegalArgumentException e) {
      // What accessors of JsonObject throw: a broker that does not keep to its own description.
      throw new Failure(
          ExitCode.UNAVAILABLE,
          verb.attempted()
              + ": the broker's answer is not what its interface says: "
              + e.getMessage(),
          e);
    }
  }

  /** Splits at the first {@code --}: the rest is another program's, and is not for us to read. */
  private static String[] ownWords(String name, TakesProgram taker, String[] words) throws Failure {
    int end = 0;
    while (end < words.length && !words[end].equals("--")) {
      end++;
    }
    if (end == words.length) {
      if (!taker.programIsOptional() && !asksForHelp(words)) {
        throw new Failure(
            ExitCode.USAGE,
            name
                + ": \"--\" and a program must follow, as in `holdfast "
                + name
                + " web -- ./server`; see `holdfast "
                + name
                + " --help`");
      }
      return words;
    }
    if (end + 1 == words.length) {
      throw new Failure(ExitCode.USAGE, name + ": a program must follow \"--\"");
    }
    String[] program = new String[words.length - end - 1];
    System.arraycopy(words, end + 1, program, 0, program.length);
    taker.program(java.util.List.of(program));
    String[] own = new String[end];
    System.arraycopy(words, 0, own, 0, end);
    return own;
  }

  private static boolean asksForHelp(String[] words) {
    for (String word : words) {
      if (word.equals("--help")) {
        return true;
      }
    }
    return false;
  }

  private static String verbName(String word) {
    return switch (word) {
      case "--help", "-h" -> "help";
      case "--version", "-V" -> "version";
      default -> word;
    };
  }

  private static boolean wantsJson(String[] arguments) {
    for (String word : arguments) {
      if (word.equals("--")) {
        return false;
      }
      if (word.equals("--json")) {
        return true;
      }
    }
    return false;
  }

  private static Failure unknown(String word) {
    return new Failure(
        ExitCode.USAGE,
        "there is no verb \""
            + word
            + "\""
            + NearestName.question(word, Verbs.NAMES)
            + "; `holdfast help` lists them");
  }

  private static ExitCode report(Failure failure, boolean json, Surroundings surroundings) {
    surroundings.err().println(json ? JsonError.line(failure) : text(failure));
    if (debug(surroundings)) {
      failure.printStackTrace(surroundings.err());
    }
    return failure.exitCode();
  }

  private static String text(Failure failure) {
    StringBuilder text = new StringBuilder("holdfast: ").append(failure.line());
    for (String detail : failure.details()) {
      text.append("\n  ").append(detail);
    }
    return text.toString();
  }

  private static ExitCode reportBug(Throwable e, Surroundings surroundings) {
    String message = e.getMessage();
    surroundings
        .err()
        .println(
            "holdfast: a bug in this command: "
                + e.getClass().getName()
                + (message == null ? "" : ": " + message.replace('\n', ' '))
                + "; please report it with what HOLDFAST_DEBUG=1 adds");
    if (debug(surroundings)) {
      e.printStackTrace(surroundings.err());
    }
    return ExitCode.SYSTEM;
  }

  private static boolean debug(Surroundings surroundings) {
    return "1".equals(surroundings.environment().get("HOLDFAST_DEBUG"));
  }
}
