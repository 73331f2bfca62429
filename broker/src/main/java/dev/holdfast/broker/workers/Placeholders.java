package dev.holdfast.broker.workers;

import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.WorkerOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What stands in a command or in a value of the environment for something that only the start of a
 * worker knows: {@code {fd:NAME}}, {@code {worker}}. What names no listener of the worker stays as
 * it is.
 */
final class Placeholders {

  /** The first descriptor of a worker that is a socket (sd_listen_fds(3)). */
  static final int FIRST = 3;

  private static final Pattern PLACEHOLDER = Pattern.compile("\\{(worker|fd:([^{}]+))\\}");

  private final String worker;
  private final Map<String, Integer> numbers = new HashMap<>();

  Placeholders(WorkerOrder order) {
    worker = Long.toString(order.worker());
    int next = FIRST;
    for (Answer.Passed passed : order.sockets()) {
      numbers.putIfAbsent(passed.listener().value(), next++);
    }
  }

  String fill(String text) {
    return text.indexOf('{') < 0 ? text : PLACEHOLDER.matcher(text).replaceAll(this::value);
  }

  private String value(java.util.regex.MatchResult found) {
    if (found.group(2) == null) {
      return worker;
    }
    Integer number = numbers.get(found.group(2));
    return number == null ? Matcher.quoteReplacement(found.group()) : number.toString();
  }
}
