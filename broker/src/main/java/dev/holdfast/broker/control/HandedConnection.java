package dev.holdfast.broker.control;

import dev.holdfast.broker.core.Caller;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ProtocolException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A control connection as a successor has to know it; its socket goes beside.
 *
 * @param called whether a whole call has ever come by it
 * @param call the one that is being answered; null when there is none
 * @param receivedText bytes of a call that is not whole yet, in Base64
 * @param unsentText bytes that the peer did not take yet, in Base64
 */
public record HandedConnection(
    Caller caller,
    Connection.State state,
    boolean called,
    @Nullable Call call,
    String receivedText,
    String unsentText) {

  /** What a connection may bring along: with its call it has to fit into one message. */
  static final int MOST_BYTES = 256 << 10;

  static String text(ByteBuffer bytes) {
    byte[] copy = new byte[bytes.remaining()];
    bytes.get(copy);
    return Base64.getEncoder().encodeToString(copy);
  }

  /** Whether a call of this method is being answered. */
  public boolean asks(String method) {
    return call != null && call.method().equals(method);
  }

  byte[] received() {
    return Base64.getDecoder().decode(receivedText);
  }

  byte[] unsent() {
    return Base64.getDecoder().decode(unsentText);
  }

  /** As it stands in a handover. */
  public JsonObject.Builder toJson() {
    return JsonObject.builder()
        .put("connection", caller.connection())
        .put("pid", caller.pid())
        .put("uid", Integer.toUnsignedLong(caller.uid()))
        .put("gid", Integer.toUnsignedLong(caller.gid()))
        .put("groups", caller.groups().stream().map(Integer::toUnsignedLong).toList())
        .put("state", state.name().toLowerCase(Locale.ROOT))
        .put("called", called)
        .put("call", call == null ? null : call.toJson())
        .put("received", receivedText.isEmpty() ? null : receivedText)
        .put("unsent", unsentText.isEmpty() ? null : unsentText);
  }

  /**
   * Reads what {@link #toJson} wrote, in an earlier version perhaps; members that it does not know
   * are ignored.
   *
   * @throws IllegalArgumentException that says what is wrong
   */
  public static HandedConnection read(JsonObject text) {
    List<Integer> groups = new ArrayList<>();
    for (Object group : text.list("groups")) {
      if (!(group instanceof Long number)) {
        throw new IllegalArgumentException("groups: expected numbers");
      }
      groups.add(number.intValue());
    }
    Caller caller =
        new Caller(
            text.integer("connection"),
            (int) text.integer("pid"),
            (int) text.integer("uid"),
            (int) text.integer("gid"),
            groups);
    Connection.State state = state(text.string("state"));
    Call call = call(text);
    if ((state == Connection.State.IDLE) != (call == null)) {
      throw new IllegalArgumentException("state: it does not fit the call");
    }
    HandedConnection read =
        new HandedConnection(
            caller,
            state,
            text.bool("called", true),
            call,
            text.optionalString("received").orElse(""),
            text.optionalString("unsent").orElse(""));
    if (read.received().length + read.unsent().length > MOST_BYTES) {
      throw new IllegalArgumentException("received, unsent: too long");
    }
    return read;
  }

  private static Connection.State state(String word) {
    return switch (word) {
      case "idle" -> Connection.State.IDLE;
      case "answering" -> Connection.State.ANSWERING;
      case "streaming" -> Connection.State.STREAMING;
      default -> throw new IllegalArgumentException("state: unknown \"" + word + "\"");
    };
  }

  private static @Nullable Call call(JsonObject text) {
    if (!text.has("call")) {
      return null;
    }
    try {
      return Call.parse(text.object("call"));
    } catch (ProtocolException e) {
      throw new IllegalArgumentException("call: " + e.getMessage(), e);
    }
  }
}
