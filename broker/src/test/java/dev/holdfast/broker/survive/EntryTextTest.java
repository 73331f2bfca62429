package dev.holdfast.broker.survive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.Link;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import java.security.SecureRandom;
import org.junit.jupiter.api.Test;

class EntryTextTest {

  @Test
  void everyEntryIsReadAsItWasWritten() throws Exception {
    long seed = Long.getLong("holdfast.seed", new SecureRandom().nextLong());
    RandomEntries random = new RandomEntries(seed);
    int count = Boolean.getBoolean("holdfast.proof") ? 1_000_000 : 5_000;
    for (int i = 0; i < count; i++) {
      Entry entry = random.any();
      JsonObject text = Json.parse(Json.write(EntryText.write(entry)));
      assertThat(EntryText.read(text)).as("-Dholdfast.seed=%d, %d", seed, i).isEqualTo(entry);
      Link link = random.link();
      assertThat(EntryText.readLink(Json.parse(Json.write(EntryText.write(link)))))
          .as("-Dholdfast.seed=%d, %d", seed, i)
          .isEqualTo(link);
    }
  }

  @Test
  void whatIsNotKnownIsIgnored() throws Exception {
    JsonObject text = Json.parse("{\"kind\":\"broker\",\"lastWorker\":3,\"later\":{\"a\":[1]}}");

    assertThat(EntryText.read(text)).isEqualTo(new Entry.OfBroker(3));
  }

  @Test
  void theMemberThatIsWrongIsNamed() {
    assertWrong("{}", "kind: is missing");
    assertWrong("{\"kind\":\"moon\"}", "kind: nobody here knows \"moon\"");
    assertWrong("{\"kind\":\"broker\"}", "lastWorker: is missing");
    assertWrong("{\"kind\":\"broker\",\"lastWorker\":\"1\"}", "lastWorker: expected an integer");
    assertWrong("{\"kind\":\"listener\",\"name\":\"-a\"}", "name: listener name \"-a\"");
    assertWrong(
        "{\"kind\":\"listener\",\"name\":\"a\",\"config\":{\"spec\":\"99999\"}}",
        "config.spec: listen spec \"99999\"");
    assertWrong(
        "{\"kind\":\"listener\",\"name\":\"a\",\"config\":{\"spec\":\"80\",\"backlog\":3,"
            + "\"idle\":\"queue\",\"allow\":[{\"planet\":3}]}}",
        "config.allow.uid: nobody here knows whom");
    assertWrong(
        "{\"kind\":\"deposit\",\"name\":\"a\",\"type\":\"file\",\"uid\":-1}",
        "uid: -1 is no uid or gid");
  }

  private static void assertWrong(String text, String message) {
    assertThatThrownBy(() -> EntryText.read(Json.parse(text)))
        .isInstanceOf(UnreadableException.class)
        .hasMessageStartingWith(message);
  }
}
