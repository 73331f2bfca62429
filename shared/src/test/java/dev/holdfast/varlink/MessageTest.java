package dev.holdfast.varlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MessageTest {

  @Test
  void aCallIsReadAndWritten() throws IOException {
    String text = "{\"method\":\"a.b.C\",\"parameters\":{\"x\":1},\"more\":true}";
    Call call = Call.parse(Json.parse(text));
    assertThat(call).isEqualTo(Call.more("a.b.C", JsonObject.of("x", 1)));
    assertThat(call.interfaceName()).isEqualTo("a.b");
    assertThat(call.memberName()).isEqualTo("C");
    assertThat(call.toJson().toString()).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"method\":\"a.b.C\"}",
        "{\"method\":\"a.b.C\",\"parameters\":{}}",
        "{\"method\":\"a.b.C\",\"parameters\":null,\"more\":null,\"oneway\":false}"
      })
  void parametersAndFlagsMayBeAbsentEmptyOrNull(String text) throws IOException {
    Call call = Call.parse(Json.parse(text));
    assertThat(call).isEqualTo(Call.of("a.b.C", JsonObject.EMPTY));
    assertThat(call.toJson().toString()).isEqualTo("{\"method\":\"a.b.C\"}");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"method\":null}",
        "{\"method\":1}",
        "{\"method\":\"\"}",
        "{\"method\":\"C\"}",
        "{\"method\":\".C\"}",
        "{\"method\":\"a.\"}",
        "{\"method\":\"a.b.C\",\"parameters\":[]}",
        "{\"method\":\"a.b.C\",\"parameters\":\"\"}",
        "{\"method\":\"a.b.C\",\"more\":1}",
        "{\"method\":\"a.b.C\",\"more\":true,\"oneway\":true}",
        "{\"method\":\"a.b.C\",\"upgrade\":true,\"oneway\":true}",
        "{\"method\":\"a.b.C\",\"id\":1}",
        "{\"method\":\"a.b.C\",\"continues\":true}"
      })
  void whatIsNoCallIsRefused(String text) throws IOException {
    JsonObject frame = Json.parse(text);
    assertThatThrownBy(() -> Call.parse(frame)).isInstanceOf(ProtocolException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"parameters\":{\"x\":1}}",
        "{\"parameters\":{\"x\":1},\"continues\":true}",
        "{\"error\":\"a.b.E\"}",
        "{\"error\":\"a.b.E\",\"parameters\":{\"x\":1}}"
      })
  void aReplyIsReadAndWritten(String text) throws IOException {
    assertThat(Reply.parse(Json.parse(text)).toJson().toString()).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"error\":1}",
        "{\"error\":\"a.b.E\",\"continues\":true}",
        "{\"continues\":\"yes\"}",
        "{\"parameters\":[]}",
        "{\"method\":\"a.b.C\"}"
      })
  void whatIsNoReplyIsRefused(String text) throws IOException {
    JsonObject frame = Json.parse(text);
    assertThatThrownBy(() -> Reply.parse(frame)).isInstanceOf(ProtocolException.class);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | 0",
        "{\"fileDescriptorIndex\":0} | 1",
        "{\"fileDescriptorIndex\":null} | 0",
        "{\"sockets\":[{\"fileDescriptorIndex\":1},{\"fileDescriptorIndex\":0}]} | 2",
        "{\"a\":{\"fileDescriptorIndex\":1},\"b\":[[{\"fileDescriptorIndex\":0}],1,null]} | 2",
        "{\"fileDescriptorIndex\":1} | -1",
        "{\"fileDescriptorIndex\":-1} | -1",
        "{\"fileDescriptorIndex\":32} | -1",
        "{\"fileDescriptorIndex\":4294967296} | -1",
        "{\"fileDescriptorIndex\":0.0} | -1",
        "{\"fileDescriptorIndex\":\"0\"} | -1",
        "{\"fileDescriptorIndex\":[0]} | -1",
        "{\"a\":{\"fileDescriptorIndex\":0},\"b\":{\"fileDescriptorIndex\":0}} | -1",
        "{\"a\":{\"fileDescriptorIndex\":0},\"b\":{\"fileDescriptorIndex\":2}} | -1"
      })
  void descriptorsAreDeclaredFromZeroEachOnce(String text, int expected) throws IOException {
    JsonObject parameters = Json.parse(text);
    if (expected >= 0) {
      assertThat(DeclaredDescriptors.count(parameters)).isEqualTo(expected);
    } else {
      assertThatThrownBy(() -> DeclaredDescriptors.count(parameters))
          .isInstanceOf(ProtocolException.class);
    }
  }
}
