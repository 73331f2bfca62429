package dev.holdfast.broker.survive;

import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.Link;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.varlink.JsonObject;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Entries as JSON and back, for the journal and for a successor.
 *
 * <p>Members that are not known are ignored, and what is usual is not written: so a later version
 * may add members, and reads the texts of this one, if the absence of each means what was before
 * it.
 */
public final class EntryText {

  /** Goes up when an older reader would understand a text wrongly. */
  public static final int FORMAT = 1;

  private EntryText() {}

  public static JsonObject write(Entry entry) {
    JsonObject.Builder out = JsonObject.builder().put("kind", word(entry.key().kind()));
    if (entry instanceof Entry.OfBroker broker) {
      out.put("lastWorker", broker.lastWorker());
    } else if (entry instanceof Entry.OfListener listener) {
      ListenerText.write(listener, out);
    } else if (entry instanceof Entry.OfService service) {
      ServiceText.write(service, out);
    } else if (entry instanceof Entry.OfLease lease) {
      LeaseText.write(lease, out);
    } else if (entry instanceof Entry.OfWorker worker) {
      WorkerText.write(worker, out);
    } else if (entry instanceof Entry.OfDeposit deposit) {
      out.put("name", deposit.name())
          .put("type", deposit.kind())
          .put("uid", Members.id(deposit.uid()))
          .put("descriptor", deposit.descriptor());
    }
    return out.build();
  }

  /**
   * Reads an entry.
   *
   * @throws UnreadableException whatever else the text is
   */
  public static Entry read(JsonObject text) throws UnreadableException {
    return guarded(
        text,
        in ->
            switch (in.word("kind", Entry.Kind.values(), EntryText::word)) {
              case BROKER -> new Entry.OfBroker(in.number("lastWorker"));
              case LISTENER -> ListenerText.read(in);
              case SERVICE -> ServiceText.read(in);
              case LEASE -> LeaseText.read(in);
              case WORKER -> WorkerText.read(in);
              case DEPOSIT ->
                  new Entry.OfDeposit(
                      in.text("name"), in.text("type"), in.id("uid"), in.number("descriptor"));
            });
  }

  public static JsonObject write(Link link) {
    LeaseId awaits = link.awaits();
    return JsonObject.builder()
        .put("connection", link.connection())
        .put("awaits", awaits == null ? null : awaits.value())
        .put("watches", Members.unless(link.watches(), false))
        .put("asks", link.asks())
        .build();
  }

  /**
   * Reads a link.
   *
   * @throws UnreadableException whatever else the text is
   */
  public static Link readLink(JsonObject text) throws UnreadableException {
    return guarded(
        text,
        in -> {
          @Nullable LeaseId awaits =
              in.maybeText("awaits") == null ? null : in.as("awaits", LeaseId::new);
          return new Link(
              in.number("connection"), awaits, in.flag("watches"), in.maybeText("asks"));
        });
  }

  static JsonObject key(Entry.Key key) {
    return JsonObject.of("kind", word(key.kind()), "name", key.name());
  }

  static Entry.Key readKey(JsonObject text) throws UnreadableException {
    return guarded(
        text,
        in ->
            new Entry.Key(in.word("kind", Entry.Kind.values(), EntryText::word), in.text("name")));
  }

  /** The word of a kind. */
  static String word(Entry.Kind kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }

  private static <T> T guarded(JsonObject text, Members.Reader<T> reader)
      throws UnreadableException {
    try {
      return reader.read(new Members("", text));
    } catch (RuntimeException e) {
      // A value that its own type refuses: what the text says can be anything.
      throw new UnreadableException(String.valueOf(e.getMessage()));
    }
  }
}
