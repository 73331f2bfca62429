package dev.holdfast.varlink;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One reply: the result, or the data of an error. {@code continues} says that more replies to the
 * same call follow; an error is always the last.
 */
public record Reply(JsonObject parameters, @Nullable String error, boolean continues) {

  /**
   * Checks the parts against each other.
   *
   * @throws IllegalArgumentException if an error continues
   */
  public Reply {
    if (error != null && continues) {
      throw new IllegalArgumentException("the error " + error + " continues; an error is final");
    }
  }

  /** The only or the last reply to a call. */
  public static Reply of(JsonObject parameters) {
    return new Reply(parameters, null, false);
  }

  /** A reply to a call with {@code more}, not the last. */
  public static Reply continued(JsonObject parameters) {
    return new Reply(parameters, null, true);
  }

  /** A refusal; {@code error} is the full name. */
  public static Reply error(String error, JsonObject parameters) {
    return new Reply(parameters, error, false);
  }

  /**
   * Reads a frame's object as a reply.
   *
   * @throws ProtocolException if it is none, or has any other top-level key
   */
  public static Reply parse(JsonObject frame) throws ProtocolException {
    JsonObject parameters = JsonObject.EMPTY;
    String error = null;
    boolean continues = false;
    for (Map.Entry<String, @Nullable Object> member : frame.members().entrySet()) {
      String name = member.getKey();
      Object value = member.getValue();
      switch (name) {
        case "parameters" -> parameters = TopLevel.object(name, value);
        case "error" -> error = TopLevel.string(name, value);
        case "continues" -> continues = TopLevel.flag(name, value);
        default -> throw new ProtocolException("a reply with the unknown key \"" + name + "\"");
      }
    }
    if (error != null && continues) {
      throw new ProtocolException("the error " + error + " continues; an error is final");
    }
    return new Reply(parameters, error, continues);
  }

  /** The frame's object; what is empty or off is left out. */
  public JsonObject toJson() {
    return JsonObject.builder()
        .put("error", error)
        .put("parameters", parameters.isEmpty() ? null : parameters)
        .put("continues", continues ? true : null)
        .build();
  }
}
