package dev.holdfast.broker.badpeers;

import static dev.holdfast.broker.badpeers.Siege.CONTROL;
import static dev.holdfast.broker.badpeers.Siege.NOBODY;
import static dev.holdfast.broker.badpeers.Siege.WORKER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A user to whom nothing was allowed, and one to whom something was. */
@Timeout(180)
class NoRightsIT {

  private static final String OTHER = "65533";

  @RegisterExtension final Siege siege = new Siege();

  private static String call(String method, String parameters) {
    return "{\"method\":\"" + method + "\",\"parameters\":" + parameters + "}";
  }

  @Test
  void everyMethodThatActsIsRefusedToAUserWithoutRightsAndTellsNothing() throws Exception {
    BrokerProcess broker = siege.start("silent-time = \"20s\"");
    String lease;
    try (BadPeer holder = siege.keep(BadPeer.connect(broker.socket()))) {
      holder.send(
          BadPeer.call(WORKER + "Acquire", "{\"listeners\":[\"web\"],\"hold\":\"connection\"}"));
      lease = holder.reply().orElseThrow().object("parameters").string("lease");
      List<String> calls =
          List.of(
              call(WORKER + "Acquire", "{\"listeners\":[\"web\"]}"),
              call(WORKER + "Acquire", "{\"listeners\":[\"absent\"]}"),
              call(WORKER + "Ready", "{\"lease\":\"" + lease + "\"}"),
              call(WORKER + "Release", "{\"lease\":\"" + lease + "\"}"),
              call(WORKER + "Await", "{\"lease\":\"" + lease + "\"}"),
              "fd " + call(WORKER + "Store", "{\"name\":\"web\",\"fileDescriptorIndex\":0}"),
              call(WORKER + "Retrieve", "{\"name\":\"web\"}"),
              call(CONTROL + "Listen", "{\"name\":\"web\",\"spec\":\"127.0.0.1:0W\"}"),
              call(CONTROL + "Listen", "{\"name\":\"absent\",\"spec\":\"localhost:nonsense\"}"),
              call(CONTROL + "Close", "{\"name\":\"web\"}"),
              call(CONTROL + "Close", "{\"name\":\"absent\"}"),
              call(CONTROL + "List", "{}"),
              "{\"method\":\"" + CONTROL + "Watch\",\"more\":true}",
              call(CONTROL + "Drain", "{\"lease\":\"" + lease + "\"}"),
              call(CONTROL + "Drain", "{\"lease\":\"absent\"}"),
              call(CONTROL + "Reload", "{}"),
              call(CONTROL + "Status", "{}"));
      List<String> said = siege.run(NOBODY, broker, "calls.py", calls.toArray(String[]::new));
      assertThat(said).hasSameSizeAs(calls);
      for (int i = 0; i < calls.size(); i++) {
        JsonObject reply = Json.parse(said.get(i));
        assertThat(reply.optionalString("error").orElse("allowed"))
            .as(calls.get(i))
            .endsWith(".NotPermitted");
        for (String told : List.of("tcp:", "127.0.0.1", "pid", broker.directory().toString())) {
          assertThat(said.get(i)).as(calls.get(i)).doesNotContain(told);
        }
      }
      // What exists is refused in the very words of what does not.
      assertThat(said.get(1)).isEqualTo(said.get(0).replace("web", "absent"));
      assertThat(said.get(10)).isEqualTo(said.get(9).replace("web", "absent"));
      assertThat(said.get(14)).isEqualTo(said.get(13).replace(lease, "absent"));
      assertThat(broker.listener("web").string("state")).isEqualTo("listening");
      assertThat(broker.leases().toString()).contains(lease).contains("warming");
    }
  }

  @Test
  void aLeaseIsNotTouchedByAnotherUserWhoHasRightsOfItsOwn() throws Exception {
    BrokerProcess broker =
        siege.start(BrokerProcess.Options.none(), "allow = [\"uid:65534\", \"uid:65533\"]\n");
    String acquire =
        call(
            WORKER + "Acquire",
            "{\"listeners\":[\"web\"],\"hold\":\"connection\",\"service\":\"shop\"}");
    ProgramProcess holder = siege.script(NOBODY, broker, "stay.py", acquire + "\\0");
    dev.holdfast.broker.testing.Await.until(
        () -> "the lease of " + holder, () -> holder.outLines().contains("stays"));
    String lease = Json.parse(holder.outLines().get(0)).object("parameters").string("lease");
    List<String> calls = new ArrayList<>();
    for (String method : List.of("Ready", "Release", "Await")) {
      calls.add(call(WORKER + method, "{\"lease\":\"" + lease + "\"}"));
    }
    calls.add(call(CONTROL + "Drain", "{\"lease\":\"" + lease + "\"}"));
    for (String answer : siege.run(OTHER, broker, "calls.py", calls.toArray(String[]::new))) {
      assertThat(answer).contains(".NotPermitted");
    }
    // Nor by taking its service's name and replacing it.
    ProgramProcess thief =
        siege.script(
            OTHER,
            broker,
            "stay.py",
            acquire.replace("\"shop\"", "\"shop\",\"replace\":true") + "\\0",
            "");
    dev.holdfast.broker.testing.Await.until(
        () -> "the lease of " + thief, () -> thief.outLines().contains("stays"));
    String second = Json.parse(thief.outLines().get(0)).object("parameters").string("lease");
    List<String> ready =
        siege.run(
            OTHER, broker, "calls.py", call(WORKER + "Ready", "{\"lease\":\"" + second + "\"}"));
    assertThat(ready).containsExactly("{}");
    assertThat(stateOf(broker, lease)).isEqualTo("warming");
    // The same user's other process may speak for it.
    assertThat(
            siege.run(
                NOBODY,
                broker,
                "calls.py",
                call(WORKER + "Ready", "{\"lease\":\"" + lease + "\"}")))
        .containsExactly("{}");
    assertThat(stateOf(broker, lease)).isEqualTo("ready");
    holder.kill();
    thief.kill();
  }

  private static String stateOf(BrokerProcess broker, String lease) throws Exception {
    return broker.leases().stream()
        .filter(each -> each.string("lease").equals(lease))
        .findFirst()
        .map(each -> each.string("state"))
        .orElse("gone")
        .toLowerCase(Locale.ROOT);
  }

  @Test
  void whatOneUserStoredAnotherDoesNotReplace() throws Exception {
    BrokerProcess broker =
        siege.start("store = [\"uid:65534\", \"uid:65533\"]", "retrieve = [\"uid:65534\"]");
    String store = "fd " + call(WORKER + "Store", "{\"name\":\"x\",\"fileDescriptorIndex\":0}");
    String retrieve = call(WORKER + "Retrieve", "{\"name\":\"x\"}");
    assertThat(siege.run(NOBODY, broker, "calls.py", store, store)).containsExactly("{}", "{}");
    assertThat(siege.run(OTHER, broker, "calls.py", store, retrieve))
        .allMatch(answer -> answer.contains("NotPermitted"));
    assertThat(siege.run(NOBODY, broker, "calls.py", retrieve).get(0))
        .contains("\"fileDescriptorIndex\":0");
  }
}
