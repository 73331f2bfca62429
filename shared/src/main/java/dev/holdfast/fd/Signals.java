package dev.holdfast.fd;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.function.Consumer;

/**
 * Takes signals through the JVM, which owns their handlers: a signalfd would need them blocked in
 * threads that the JVM started before main. Reflection, since javac warns about every mention of
 * sun.misc.Signal and nothing suppresses that.
 */
public final class Signals {

  private Signals() {}

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
