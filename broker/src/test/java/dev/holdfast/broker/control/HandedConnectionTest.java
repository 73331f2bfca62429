package dev.holdfast.broker.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.broker.core.Caller;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HandedConnectionTest {

  private static final Caller NOBODY = new Caller(7, 4711, -2, -3, List.of(4, -5));

  /** What the first version wrote. */
  private static final String FIRST =
      "{\"connection\":7,\"pid\":4711,\"uid\":4294967294,\"gid\":4294967293,"
          + "\"groups\":[4,4294967291],\"state\":\"streaming\",\"called\":true,"
          + "\"call\":{\"method\":\"a.B\",\"parameters\":{\"x\":1},\"more\":true},"
          + "\"received\":\"AP8=\",\"unsent\":\"eA==\"}";

  @Test
  void comesBackAsItWas() throws Exception {
    HandedConnection all =
        new HandedConnection(
            NOBODY,
            Connection.State.STREAMING,
            true,
            Call.more("a.B", JsonObject.of("x", 1)),
            HandedConnection.text(ByteBuffer.wrap(new byte[] {0, -1})),
            HandedConnection.text(ByteBuffer.wrap(new byte[] {'x'})));
    assertThat(all.toJson().build()).hasToString(FIRST);
    assertThat(HandedConnection.read(Json.parse(FIRST))).isEqualTo(all);
    HandedConnection fresh =
        new HandedConnection(NOBODY, Connection.State.IDLE, false, null, "", "");
    assertThat(HandedConnection.read(fresh.toJson().build())).isEqualTo(fresh);
  }

  @Test
  void whatALaterVersionAddedIsIgnored() throws Exception {
    JsonObject later = Json.parse("{\"novel\":[{}]," + FIRST.substring(1));
    assertThat(HandedConnection.read(later)).isEqualTo(HandedConnection.read(Json.parse(FIRST)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"connection\":7|\"connection\":\"7\"",
        "\"pid\":4711|\"dip\":4711",
        "[4,|[null,",
        "\"streaming\"|\"closed\"",
        "\"streaming\"|\"idle\"",
        "\"a.B\"|\"B\"",
        "\"more\":true|\"more\":7",
        "AP8=|AP8*",
      })
  void whatMakesNoSenseIsRefused(String right, String wrongly) throws Exception {
    assertThat(FIRST).contains(right);
    JsonObject wrong = Json.parse(FIRST.replace(right, wrongly));
    assertThatThrownBy(() -> HandedConnection.read(wrong))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
