package dev.holdfast.agent.adopt;

import java.io.FileDescriptor;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The class that the patched JDK calls, as the agent reaches it: by reflection, since it is the
 * JDK's own now.
 */
final class JdkHook {

  private final Method add;
  private final Field awaited;

  JdkHook(Class<?> hook, Function<Object[], @Nullable Object> agent)
      throws ReflectiveOperationException {
    add = hook.getDeclaredMethod("add", FileDescriptor.class);
    add.setAccessible(true);
    awaited = hook.getDeclaredField("awaited");
    awaited.setAccessible(true);
    Field asked = hook.getDeclaredField("agent");
    asked.setAccessible(true);
    asked.set(null, agent);
  }

  /** This object is a listener now that others share. */
  void add(FileDescriptor socket) throws IOException {
    try {
      add.invoke(null, socket);
    } catch (IllegalAccessException | InvocationTargetException e) {
      throw new IOException("note an adopted socket: " + e, e);
    }
  }

  /** It is known that the program accepts. */
  void stopWatching() {
    try {
      awaited.setBoolean(null, false);
    } catch (IllegalAccessException e) {
      Said.failure("stop watching for the first accept", e);
    }
  }
}
