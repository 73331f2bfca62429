package dev.holdfast.jvm;

import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code -javaagent:JAR[=OPTIONS]}, and the two places where a JVM finds it: its own arguments, and
 * a variable that every JVM reads. Text, or bytes as text, whatever the caller has.
 *
 * @param jar an absolute path
 * @param options as the agent reads them; empty for none
 */
public record AgentArgument(String jar, String options) {

  /** The property in which the launchers of both programs say where the jar is. */
  public static final String JAR_PROPERTY = "holdfast.javaagent";

  /** What every JVM of 5 and later reads, and says so on standard error. */
  public static final String VARIABLE = "JAVA_TOOL_OPTIONS";

  /** All variables with arguments for a JVM: of its launcher, of HotSpot, of every JVM. */
  public static final List<String> VARIABLES =
      List.of(VARIABLE, "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS");

  private static final String PREFIX = "-javaagent:";
  private static final String LAUNCHER = "java";

  public AgentArgument {
    if (jar.indexOf('=') >= 0) {
      // The JVM ends the path at the first '=', and knows no way to quote one.
      throw new IllegalArgumentException(
          "the JVM cannot load an agent whose path has a '=': "
              + jar
              + "; install to another directory");
    }
  }

  /** The argument itself. */
  public String text() {
    return options.isEmpty() ? PREFIX + jar : PREFIX + jar + "=" + options;
  }

  /**
   * Whether a program passes its arguments to a JVM as they are: it is called java, or is a link to
   * one that is. (A version manager's java is a script, or a link to the manager: it passes them
   * on.)
   */
  public static boolean isLauncher(String program) {
    if (name(program).equals(LAUNCHER)) {
      return true;
    }
    if (program.indexOf('/') < 0) {
      return false;
    }
    try {
      return name(Path.of(program).toRealPath().toString()).equals(LAUNCHER);
    } catch (IOException | InvalidPathException e) {
      return false; // Whoever starts it finds out, and has the better message.
    }
  }

  /** The command with this behind its program, where an option of the JVM surely stands. */
  public List<String> intoCommand(List<String> command) {
    List<String> result = new ArrayList<>(command.size() + 1);
    result.add(command.get(0));
    result.add(text());
    result.addAll(command.subList(1, command.size()));
    return result;
  }

  /**
   * The value of {@link #VARIABLE} with this in front. The JVM splits it at blanks; quotes of
   * either kind hold a word together and are taken out, and there is no other escape.
   *
   * @param given the value so far, which stays as it is
   */
  public String intoVariable(@Nullable String given) {
    String word = quoted(text());
    return given == null || given.isEmpty() ? word : word + " " + given;
  }

  private static String quoted(String word) {
    boolean plain = true;
    for (int i = 0; i < word.length(); i++) {
      plain &= !isBlank(word.charAt(i)) && !isQuote(word.charAt(i));
    }
    if (plain) {
      return word;
    }
    StringBuilder result = new StringBuilder();
    char quote = 0;
    for (int i = 0; i < word.length(); i++) {
      char c = word.charAt(i);
      if (quote == 0 || c == quote) {
        if (quote != 0) {
          result.append(quote);
        }
        quote = c == '"' ? '\'' : '"';
        result.append(quote);
      }
      result.append(c);
    }
    return result.append(quote).toString();
  }

  /**
   * The options of a Holdfast agent that a command has already, empty for one without; null where
   * there is none. Any copy of it counts, since two would both answer to the same bind.
   *
   * @param command a program and its arguments, of which those behind {@code -jar} are another's
   */
  public @Nullable String optionsInCommand(List<String> command) {
    for (String word : command) {
      if (word.equals("-jar")) {
        return null;
      }
      String found = optionsOf(word);
      if (found != null) {
        return found;
      }
    }
    return null;
  }

  /** The same of the value of one of {@link #VARIABLES}; null where that is null. */
  public @Nullable String optionsInVariable(@Nullable String value) {
    if (value == null) {
      return null;
    }
    StringBuilder word = new StringBuilder();
    char quote = 0;
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      if (quote == 0 ? isQuote(c) : c == quote) {
        quote = quote == 0 ? c : 0;
      } else if (quote == 0 && isBlank(c)) {
        String found = optionsOf(word.toString());
        if (found != null) {
          return found;
        }
        word.setLength(0);
      } else {
        word.append(c);
      }
    }
    return optionsOf(word.toString());
  }

  private @Nullable String optionsOf(String word) {
    if (!word.startsWith(PREFIX)) {
      return null;
    }
    int equals = word.indexOf('=');
    String path = word.substring(PREFIX.length(), equals < 0 ? word.length() : equals);
    if (!name(path).equals(name(jar))) {
      return null;
    }
    return equals < 0 ? "" : word.substring(equals + 1);
  }

  private static String name(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  private static boolean isQuote(char c) {
    return c == '"' || c == '\'';
  }

  /** As isspace(3) has it in the C locale. */
  private static boolean isBlank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
  }
}
