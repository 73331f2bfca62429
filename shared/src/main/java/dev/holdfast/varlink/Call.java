package dev.holdfast.varlink;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One call: a method by its full name, its parameters, and at most one of {@code oneway} (no reply
 * wanted), {@code more} (several replies wanted) and {@code upgrade} (another protocol follows).
 */
public record Call(
    String method, JsonObject parameters, boolean oneway, boolean more, boolean upgrade) {

  /**
   * Checks the parts against each other.
   *
   * @throws IllegalArgumentException if the method is not {@code interface.Method} or more than one
   *     flag is set
   */
  public Call {
    int dot = method.lastIndexOf('.');
    if (dot < 1 || dot == method.length() - 1) {
      throw new IllegalArgumentException("method \"" + method + "\": expected interface.Method");
    }
    if ((oneway ? 1 : 0) + (more ? 1 : 0) + (upgrade ? 1 : 0) > 1) {
      throw new IllegalArgumentException(
          "call of " + method + ": at most one of oneway, more and upgrade");
    }
  }

  /** A call that is answered once. */
  public static Call of(String method, JsonObject parameters) {
    return new Call(method, parameters, false, false, false);
  }

  /** A call that may be answered many times. */
  public static Call more(String method, JsonObject parameters) {
    return new Call(method, parameters, false, true, false);
  }

  /** A call that is never answered. */
  public static Call oneway(String method, JsonObject parameters) {
    return new Call(method, parameters, true, false, false);
  }

  /**
   * Reads a frame's object as a call.
   *
   * @throws ProtocolException if it is none, or has any other top-level key
   */
  public static Call parse(JsonObject frame) throws ProtocolException {
    String method = null;
    JsonObject parameters = JsonObject.EMPTY;
    boolean oneway = false;
    boolean more = false;
    boolean upgrade = false;
    for (Map.Entry<String, @Nullable Object> member : frame.members().entrySet()) {
      String name = member.getKey();
      Object value = member.getValue();
      switch (name) {
        case "method" -> method = TopLevel.string(name, value);
        case "parameters" -> parameters = TopLevel.object(name, value);
        case "oneway" -> oneway = TopLevel.flag(name, value);
        case "more" -> more = TopLevel.flag(name, value);
        case "upgrade" -> upgrade = TopLevel.flag(name, value);
        default -> throw new ProtocolException("a call with the unknown key \"" + name + "\"");
      }
    }
    if (method == null) {
      throw new ProtocolException("a call without a method");
    }
    try {
      return new Call(method, parameters, oneway, more, upgrade);
    } catch (IllegalArgumentException e) {
      throw new ProtocolException(String.valueOf(e.getMessage()));
    }
  }

  /** The frame's object; parameters that are empty and flags that are off are left out. */
  public JsonObject toJson() {
    return JsonObject.builder()
        .put("method", method)
        .put("parameters", parameters.isEmpty() ? null : parameters)
        .put("oneway", oneway ? true : null)
        .put("more", more ? true : null)
        .put("upgrade", upgrade ? true : null)
        .build();
  }

  /** {@code dev.holdfast.Worker} of {@code dev.holdfast.Worker.Acquire}. */
  public String interfaceName() {
    return method.substring(0, method.lastIndexOf('.'));
  }

  /** {@code Acquire} of {@code dev.holdfast.Worker.Acquire}. */
  public String memberName() {
    return method.substring(method.lastIndexOf('.') + 1);
  }
}
