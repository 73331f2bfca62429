package dev.holdfast.varlink;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {

  private static @Nullable Object value(String text) throws JsonException {
    return Json.parse("{\"v\":" + text + "}").members().get("v");
  }

  @Test
  void readsEveryKindOfValueInOrder() throws JsonException {
    JsonObject object =
        Json.parse(
            " { \"s\" : \"a\\tb\" , \"i\":-7,\"d\":1.5e1,\"t\":true,\"f\":false,\"n\":null,"
                + "\"a\":[1,\"x\",null,{}],\"o\":{\"k\":[]} } ");
    assertThat(object.members().keySet()).containsExactly("s", "i", "d", "t", "f", "n", "a", "o");
    assertThat(object.string("s")).isEqualTo("a\tb");
    assertThat(object.integer("i")).isEqualTo(-7);
    assertThat(object.value("d")).isEqualTo(15.0);
    assertThat(object.bool("t")).isTrue();
    assertThat(object.bool("f", true)).isFalse();
    assertThat(object.has("n")).isFalse();
    assertThat(object.list("a")).hasSize(4);
    assertThat(object.object("o").list("k")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "-0, 0",
    "9223372036854775807, 9223372036854775807",
    "-9223372036854775808, -9223372036854775808"
  })
  void readsIntegersThatFitAsLong(String text, long expected) throws JsonException {
    assertThat(value(text)).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "9223372036854775808",
        "-9223372036854775809",
        "92233720368547758080",
        "1.0",
        "1e2",
        "1E-2",
        "-0.5",
        "1e308"
      })
  void readsOtherNumbersAsDouble(String text) throws JsonException {
    assertThat(value(text)).isEqualTo(Double.parseDouble(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "[]",
        "1",
        "null",
        "\"x\"",
        "{",
        "}",
        "{}}",
        "{} {}",
        "{}x",
        "{}\0",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":null,\"a\":1}",
        "{\"a\":1,\"\\u0061\":1}",
        "{\"x\":{\"a\":1,\"a\":1}}",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{\"a\":[1}",
        "{\"a\":{]}",
        "{\"a\":tru}",
        "{\"a\":True}",
        "{\"a\":truex}",
        "{\"a\":nul",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":+1}",
        "{\"a\":01}",
        "{\"a\":-01}",
        "{\"a\":00}",
        "{\"a\":-}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":1.e1}",
        "{\"a\":1e}",
        "{\"a\":1e+}",
        "{\"a\":0x1}",
        "{\"a\":1e309}",
        "{\"a\":-1e309}",
        "{\"a\":\"",
        "{\"a\":\"x}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\u001f\"}",
        "{\"a\":\"é\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\ud800x\"}",
        "{\"a\":\"\\ud800\\n\"}",
        "{\"a\":\"\\ud800\\ud800\"}",
        "{\"a\":\"\\udc00\"}",
        "{/**/}",
        "{}//",
        "\ufeff{}",
        "{\u00a0}"
      })
  void refuses(String text) {
    assertThatThrownBy(() -> Json.parse(text)).isInstanceOf(JsonException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\u0080", // A continuation alone.
        "\u00c3", // Cut short.
        "\u00c3x",
        "\u00c0\u0080", // NUL, overlong.
        "\u00c1\u00bf",
        "\u00e0\u0080\u00af", // Slash, overlong.
        "\u00f0\u0080\u0080\u00af",
        "\u00ed\u00a0\u0080", // A surrogate.
        "\u00ed\u00bf\u00bf",
        "\u00f4\u0090\u0080\u0080", // Past U+10FFFF.
        "\u00f5\u0080\u0080\u0080",
        "\u00f8\u0088\u0080\u0080\u0080",
        "\u00e2\u0082",
        "\u00f0\u009f\u0098",
        "\u00fe",
        "\u00ff"
      })
  void refusesBytesThatAreNotUtf8(String bytes) {
    byte[] text = ("{\"a\":\"" + bytes + "\"}").getBytes(ISO_8859_1);
    assertThatThrownBy(() -> Json.parse(text)).isInstanceOf(JsonException.class);
  }

  @Test
  void readsCharactersOfEveryLength() throws JsonException {
    assertThat(value("\"aéβ€\uffff😀\udbff\udfff\"")).isEqualTo("aéβ€\uffff😀\udbff\udfff");
    assertThat(value("\"\\u00e9\\ud83d\\uDE00\\/\\b\\f\"")).isEqualTo("é😀/\b\f");
    assertThat(value("\"\\u0000\"")).isEqualTo("\0");
  }

  @Test
  void readsASliceAndNothingAroundIt() throws JsonException {
    byte[] bytes = "xx{\"a\":1}yy".getBytes(UTF_8);
    assertThat(Json.parse(bytes, 2, 7, Json.Limits.DEFAULT)).isEqualTo(JsonObject.of("a", 1));
    ByteBuffer direct = ByteBuffer.allocateDirect(7).put(bytes, 2, 7).flip();
    assertThat(Json.parse(direct, Json.Limits.DEFAULT)).isEqualTo(JsonObject.of("a", 1));
    assertThat(direct.remaining()).isEqualTo(7);
    assertThatThrownBy(() -> Json.parse(bytes, 2, 6, Json.Limits.DEFAULT))
        .isInstanceOf(JsonException.class);
  }

  @Test
  void countsDepthFromTheOutermostObject() throws JsonException {
    assertThat(Json.parse("{\"a\":" + "[".repeat(31) + "]".repeat(31) + "}").size()).isEqualTo(1);
    assertThatThrownBy(() -> Json.parse("{\"a\":" + "[".repeat(32) + "]".repeat(32) + "}"))
        .hasMessageContaining("nested deeper than 32");
    assertThatThrownBy(() -> Json.parse("{\"a\":" + "[".repeat(500_000)))
        .hasMessageContaining("nested deeper than 32");
  }

  @Test
  void saysWhereItWentWrong() {
    assertThatThrownBy(() -> Json.parse("{\"a\": x}"))
        .isInstanceOfSatisfying(JsonException.class, e -> assertThat(e.position()).isEqualTo(6))
        .hasMessage("JSON at byte 6: expected a value, found 'x'");
    assertThatThrownBy(() -> Json.parse(new byte[11], 0, 11, new Json.Limits(5, 10)))
        .hasMessageContaining("11 bytes, the limit is 10");
  }

  @Test
  void writesWhatItReads() throws JsonException {
    String text =
        "{\"s\":\"a\\\"\\\\\\n\\u0000\\u001f\\u007fé€😀\",\"i\":-1,\"d\":0.5,\"n\":null,"
            + "\"a\":[true,{\"b\":[]}]}";
    assertThat(Json.write(Json.parse(text))).isEqualTo(text);
    assertThat(Json.bytes(Json.parse(text))).isEqualTo(text.getBytes(UTF_8));
  }

  @Test
  void writesALoneSurrogateAsReplacementCharacter() throws JsonException {
    for (String lone : List.of("\ud800", "a\udc00b", "\ud800\ud800\udc00")) {
      JsonObject back = Json.parse(Json.bytes(JsonObject.of("a", lone)));
      assertThat(back.string("a")).contains("\ufffd");
    }
  }

  @Test
  void writesFramesIntoASinkThatIsUsedAgain() {
    ByteSink sink = new ByteSink(1);
    for (int i = 0; i < 3; i++) {
      sink.clear();
      Json.writeFrame(JsonObject.of("a", "x".repeat(100 * i)), sink);
      assertThat(sink.view().get(sink.length() - 1)).isEqualTo((byte) 0);
      assertThat(sink.length()).isEqualTo(9 + 100 * i);
    }
  }

  @Test
  void manyNamesTakeLinearTime() throws JsonException {
    StringBuilder text = new StringBuilder("{\"n\":0");
    for (int i = 0; i < 80_000; i++) {
      text.append(",\"").append(i).append("\":1");
    }
    assertThat(Json.parse(text.append('}').toString()).size()).isEqualTo(80_001);
  }

  @Test
  void objectsNameTheMemberThatIsNotAsExpected() {
    JsonObject object = JsonObject.of("a", 1, "l", Arrays.asList("x", null));
    assertThatThrownBy(() -> object.string("a")).hasMessage("a: expected a string, found Long");
    assertThatThrownBy(() -> object.string("b")).hasMessage("b: expected a string, found nothing");
    assertThatThrownBy(() -> object.strings("l"))
        .hasMessage("l: expected an array of strings, found nothing");
    assertThatThrownBy(() -> object.optionalString("a"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(object.optionalString("b")).isEmpty();
    assertThat(object.optionalInteger("a")).hasValue(1);
    assertThatThrownBy(() -> JsonObject.of("a", Double.NaN))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> JsonObject.of("a", 1, "a", 2)).hasMessage("a is there already");
  }
}
