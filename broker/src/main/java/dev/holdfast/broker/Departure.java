package dev.holdfast.broker;

import dev.holdfast.broker.control.Conversation;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/**
 * The predecessor's side of a handover: everything is offered to a successor, and stays ours until
 * that one says that it serves. Nothing else happens meanwhile: connections and signals wait,
 * workers serve on. Blocks the loop's thread, for a fraction of a second when all is well.
 */
final class Departure {

  /** A successor that is alive answers at once: it has started, and waits for nothing but us. */
  private static final Duration STEP = Duration.ofSeconds(5);

  private Departure() {}

  /**
   * Hands over.
   *
   * @param borrowed everything; the successor gets copies of the descriptors
   * @param formats that the successor can read
   * @throws IOException when it did not come to its end: then nothing has happened
   */
  static void handOver(Conversation successor, List<HandoverItem> borrowed, List<Integer> formats)
      throws IOException {
    if (!formats.contains(Inheritance.FORMAT)) {
      successor.refuse(
          "dev.holdfast.Control.HandoverFailed",
          JsonObject.of(
              "reason",
              "this broker writes format "
                  + Inheritance.FORMAT
                  + ", and the successor reads "
                  + formats));
      throw new IOException("it reads the formats " + formats + " only");
    }
    List<HandoverItem.Part> parts = HandoverItem.parts(borrowed);
    long descriptors = borrowed.stream().filter(item -> item.fd() != null).count();
    successor.reply(
        JsonObject.of(
            "format", Inheritance.FORMAT, "parts", parts.size(), "descriptors", descriptors),
        List.of(),
        STEP);
    for (HandoverItem.Part part : parts) {
      require(successor, "next");
      successor.reply(part.parameters(), part.descriptors(), STEP);
    }
    require(successor, "commit");
    successor.reply(JsonObject.EMPTY, List.of(), STEP);
    require(successor, "serving");
    // From here on it is the broker, also if it never reads this.
    successor.reply(JsonObject.EMPTY, List.of(), STEP);
  }

  private static void require(Conversation successor, String step) throws IOException {
    JsonObject said = successor.receive(STEP);
    if (!said.string("step").equals(step)) {
      throw new IOException("it said \"" + said.string("step") + "\" instead of \"" + step + "\"");
    }
  }
}
