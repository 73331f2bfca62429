package dev.holdfast.varlink;

import org.jspecify.annotations.Nullable;

/** The values that stand at the top of a frame, where a wrong type ends the connection. */
final class TopLevel {
  private TopLevel() {}

  static @Nullable String string(String name, @Nullable Object value) throws ProtocolException {
    if (value == null || value instanceof String) {
      return (String) value;
    }
    throw wrong(name, "a string");
  }

  static JsonObject object(String name, @Nullable Object value) throws ProtocolException {
    if (value == null) {
      return JsonObject.EMPTY;
    }
    if (value instanceof JsonObject object) {
      return object;
    }
    throw wrong(name, "an object");
  }

  static boolean flag(String name, @Nullable Object value) throws ProtocolException {
    if (value == null) {
      return false;
    }
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw wrong(name, "true or false");
  }

  private static ProtocolException wrong(String name, String expected) {
    return new ProtocolException("the key \"" + name + "\" is not " + expected);
  }
}
