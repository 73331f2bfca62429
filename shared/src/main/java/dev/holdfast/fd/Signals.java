package dev.holdfast.fd;

import dev.holdfast.spelling.NearestName;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * Takes signals through the JVM, which owns their handlers: a signalfd would need them blocked in
 * threads that the JVM started before main. Reflection, since javac warns about every mention of
 * sun.misc.Signal and nothing suppresses that.
 */
public final class Signals {

  /** By number from 1; the same on x86 and all of asm-generic (signal(7)). */
  private static final List<String> NAMES =
      List.of(
          "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
          "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
          "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS");

  /** What a program can use of the real-time signals; glibc keeps 32 and 33 for itself. */
  private static final int RTMIN = 34;

  private static final int RTMAX = 64;

  private Signals() {}

  /**
   * The number of a signal: {@code TERM}, {@code SIGTERM}, {@code 15}, {@code RTMIN+3}; in small
   * letters too.
   *
   * @throws IllegalArgumentException that names the nearest, where there is no such signal
   */
  public static int number(String name) {
    String upper = name.toUpperCase(Locale.ROOT);
    String shorter = upper.startsWith("SIG") ? upper.substring(3) : upper;
    int number = NAMES.indexOf(shorter) + 1;
    if (number == 0) {
      number = numberWithoutName(shorter);
    }
    boolean realTime = shorter.startsWith("RT");
    if (number < (realTime ? RTMIN : 1) || number > RTMAX) {
      throw new IllegalArgumentException(
          "\"" + name + "\" is no signal" + NearestName.question(shorter, NAMES));
    }
    return number;
  }

  /** Of 15 or RTMIN+3; 0 for what is neither. */
  private static int numberWithoutName(String text) {
    if (text.matches("[0-9]{1,3}")) {
      return Integer.parseInt(text);
    }
    if (text.matches("RTMIN(\\+[0-9]{1,2})?")) {
      return RTMIN + distance(text);
    }
    return text.matches("RTMAX(-[0-9]{1,2})?") ? RTMAX + distance(text) : 0;
  }

  /** Of RTMIN+N or RTMAX-N: the number, with its sign. */
  private static int distance(String name) {
    return name.length() == 5 ? 0 : Integer.parseInt(name.substring(5));
  }

  /** {@code SIGTERM}; {@code signal 65} for what has no name. */
  public static String name(int number) {
    if (number >= 1 && number <= NAMES.size()) {
      return "SIG" + NAMES.get(number - 1);
    }
    if (number >= RTMIN && number <= RTMAX) {
      return number == RTMIN ? "SIGRTMIN" : "SIGRTMIN+" + (number - RTMIN);
    }
    return "signal " + number;
  }

  /**
   * Calls the consumer with the signal's name ({@code TERM}, {@code HUP} …) for each that arrives,
   * on a thread of the JVM's; so it must only note it and wake the thread that acts.
   *
   * @throws IllegalArgumentException where the JVM keeps the signal for itself
   */
  public static void onSignal(String name, Consumer<String> consumer) {
    InvocationHandler act =
        (proxy, method, arguments) ->
            switch (method.getName()) {
              case "handle" -> {
                consumer.accept(name);
                yield null;
              }
              case "equals" -> proxy == arguments[0];
              case "hashCode" -> System.identityHashCode(proxy);
              default -> "handler of SIG" + name;
            };
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object proxy =
          Proxy.newProxyInstance(handler.getClassLoader(), new Class<?>[] {handler}, act);
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance(name), proxy);
    } catch (ReflectiveOperationException e) {
      throw new IllegalArgumentException("this JVM does not let us handle SIG" + name, e);
    }
  }
}
