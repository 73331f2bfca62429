package dev.holdfast.agent.adopt;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.jar.JarFile;

/**
 * SIGTERM, between its coming and the JVM's end. Who had it before, which is the JVM unless the
 * program has a handler of its own, gets it from here; a handler that comes later gets it instead.
 */
final class TermSignal {

  private static final String PACKAGE = "jdk.internal.misc.";

  private final Object signal;
  private final Object before;
  private final Method handle;

  private TermSignal(Object signal, Object before, Method handle) {
    this.signal = signal;
    this.before = before;
    this.handle = handle;
  }

  /**
   * From now on that is run when the signal comes, on a thread of its own for each time, and the
   * JVM goes on.
   *
   * @throws IOException when the JVM leaves its signals alone (-Xrs)
   */
  static TermSignal take(JarFile jar, Runnable asked) throws IOException {
    try {
      Class<?> type = Class.forName(PACKAGE + "Signal");
      Class<?> handler = Class.forName(PACKAGE + "Signal$Handler");
      Object ours =
          MethodHandles.privateLookupIn(type, MethodHandles.lookup())
              .defineClass(JdkPatches.renamed(jar, "misc/Termination", "jdk/internal/misc/"))
              .getConstructor(Runnable.class)
              .newInstance(asked);
      Object term = type.getConstructor(String.class).newInstance("TERM");
      Object before = type.getMethod("handle", type, handler).invoke(null, term, ours);
      return new TermSignal(term, before, handler.getMethod("handle", type));
    } catch (InvocationTargetException e) {
      throw new IOException("handle SIGTERM: " + e.getCause(), e);
    } catch (ReflectiveOperationException | RuntimeException | LinkageError e) {
      throw new IOException("handle SIGTERM: " + e, e);
    }
  }

  /** Hands it on to whoever would have it; the JVM's own handler ends the process in here. */
  void pass() throws IOException {
    try {
      handle.invoke(before, signal);
    } catch (InvocationTargetException e) {
      throw new IOException("pass SIGTERM on: " + e.getCause(), e);
    } catch (IllegalAccessException e) {
      throw new IOException("pass SIGTERM on: " + e, e);
    }
  }
}
