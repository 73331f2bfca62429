package dev.holdfast.agent.cli;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads the words of {@code exec} that are plainly right, without the parser of all other verbs:
 * loading that one takes longer than the hand-over. Whatever it does not know, help and mistakes
 * above all, it leaves to that parser.
 */
final class ExecWords {

  private static final String JAVAAGENT = "--javaagent";

  private final List<String> names = new ArrayList<>();
  private final List<String> variables = new ArrayList<>();
  private @Nullable String socket;
  private @Nullable String service;
  private @Nullable String hold;
  private @Nullable String stopSignal;
  private @Nullable String javaagent;
  private boolean fd0;
  private boolean replace;
  private boolean json;
  private boolean dryRun;

  private ExecWords() {}

  /** Fills the verb and returns true, or returns false and leaves it as it was. */
  static boolean fill(ExecVerb verb, String[] words) {
    ExecWords read = new ExecWords();
    for (int i = 0; i < words.length; i++) {
      String word = words[i];
      if (word.isEmpty()) {
        return false;
      }
      if (word.charAt(0) != '-') {
        read.names.add(word);
      } else if (word.startsWith(JAVAAGENT)) {
        if (!read.javaagent(word)) {
          return false;
        }
      } else if (!read.flag(word)) {
        i++;
        if (i == words.length || words[i].isEmpty() || !read.value(word, words[i])) {
          return false;
        }
      }
    }
    if (read.names.isEmpty()) {
      return false;
    }
    verb.names = read.names;
    verb.variables = read.variables;
    verb.socket = read.socket;
    verb.service = read.service;
    verb.hold = read.hold == null ? verb.hold : read.hold;
    verb.stopSignal = read.stopSignal;
    verb.javaagent = read.javaagent;
    verb.fd0 = read.fd0;
    verb.replace = read.replace;
    verb.json = read.json;
    verb.dryRun = read.dryRun;
    return true;
  }

  private boolean flag(String word) {
    switch (word) {
      case "--fd0" -> fd0 = true;
      case "--replace" -> replace = true;
      case "--json" -> json = true;
      case "--dry-run" -> dryRun = true;
      default -> {
        return false;
      }
    }
    return true;
  }

  /** The one option whose value can only be attached, since it may have none. */
  private boolean javaagent(String word) {
    if (javaagent != null) {
      return false;
    }
    int start = JAVAAGENT.length() + 1;
    if (word.length() < start) {
      javaagent = "";
      return true;
    }
    // An empty value, and quotes that the parser may take off, are left to it.
    if (word.length() == start
        || word.charAt(start - 1) != '='
        || word.charAt(start) == '"'
        || word.charAt(start) == '\'') {
      return false;
    }
    javaagent = word.substring(start);
    return true;
  }

  /** False for an option that is unknown, given twice, or has a value that looks like an option. */
  private boolean value(String option, String value) {
    char first = value.charAt(0);
    if (first == '-' || first == '"' || first == '\'') {
      return false;
    }
    switch (option) {
      case "--env" -> variables.add(value);
      case "--socket" -> {
        if (socket != null) {
          return false;
        }
        socket = value;
      }
      case "--service" -> {
        if (service != null) {
          return false;
        }
        service = value;
      }
      case "--hold" -> {
        if (hold != null) {
          return false;
        }
        hold = value;
      }
      case "--stop-signal" -> {
        if (stopSignal != null) {
          return false;
        }
        stopSignal = value;
      }
      default -> {
        return false;
      }
    }
    return true;
  }
}
