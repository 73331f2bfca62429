package dev.holdfast.broker;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.varlink.DeclaredDescriptors;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonException;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One thing that changes hands from a broker to its successor.
 *
 * @param kind what it is; a successor closes and forgets what it does not know
 * @param data what there is to say about it
 * @param fd its descriptor; null where it has none
 */
record HandoverItem(String kind, JsonObject data, @Nullable OwnedFd fd) {

  static final String ENTRY = "entry";
  static final String LINK = "link";
  static final String CONTROL_SOCKET = "controlSocket";
  static final String LOCK = "lock";
  static final String SOCKET = "socket";
  static final String LEASE = "lease";
  static final String WORKER = "worker";
  static final String OUTPUT = "output";
  static final String NOTIFY = "notify";
  static final String STORED = "stored";
  static final String DEPOSIT = "deposit";
  static final String CONNECTION = "connection";

  /** A message has a limit of 1 MiB; this leaves room for how a text is quoted in it. */
  private static final int MOST_TEXT = 300 << 10;

  static HandoverItem of(String kind, JsonObject data) {
    return new HandoverItem(kind, data, null);
  }

  /**
   * Items as parameters of messages. What they say is text in there: it may be a peer's, and must
   * not be taken for a declaration of descriptors.
   */
  static List<Part> parts(List<HandoverItem> items) {
    List<Part> parts = new ArrayList<>();
    List<JsonObject> texts = new ArrayList<>();
    List<OwnedFd> descriptors = new ArrayList<>();
    int length = 0;
    for (HandoverItem item : items) {
      String text = item.data().toString();
      boolean full =
          length + text.length() > MOST_TEXT || descriptors.size() == DeclaredDescriptors.MOST;
      if (full && !texts.isEmpty()) {
        parts.add(Part.of(texts, descriptors));
        texts = new ArrayList<>();
        descriptors = new ArrayList<>();
        length = 0;
      }
      JsonObject.Builder written = JsonObject.builder().put("kind", item.kind()).put("text", text);
      if (item.fd() != null) {
        written.put(DeclaredDescriptors.INDEX, descriptors.size());
        descriptors.add(item.fd());
      }
      texts.add(written.build());
      length += text.length() + 64;
    }
    parts.add(Part.of(texts, descriptors));
    return parts;
  }

  /** One message. */
  record Part(JsonObject parameters, List<OwnedFd> descriptors) {
    private static Part of(List<JsonObject> items, List<OwnedFd> descriptors) {
      return new Part(JsonObject.of("items", items), List.copyOf(descriptors));
    }
  }

  /**
   * The items of a message.
   *
   * @param moved its descriptors; those of the items are the caller's on success, all otherwise
   */
  static List<HandoverItem> read(JsonObject parameters, List<OwnedFd> moved) throws IOException {
    List<HandoverItem> items = new ArrayList<>();
    try {
      for (JsonObject item : parameters.objects("items")) {
        var index = item.optionalInteger(DeclaredDescriptors.INDEX);
        items.add(
            new HandoverItem(
                item.string("kind"),
                Json.parse(item.string("text")),
                index.isPresent() ? moved.get(Math.toIntExact(index.getAsLong())) : null));
      }
    } catch (IllegalArgumentException | IndexOutOfBoundsException | ArithmeticException e) {
      throw new IOException("the broker that is there sent what makes no sense: " + e, e);
    } catch (JsonException e) {
      throw new IOException(
          "the broker that is there sent what makes no sense: " + e.getMessage(), e);
    }
    return items;
  }
}
