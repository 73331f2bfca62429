package dev.holdfast.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.listener.ListenerName;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArgumentsTest {

  @Test
  void takesValuesAfterABlankAndAfterAnEqualsSign() throws Exception {
    Arguments read =
        parse("--config", "a.toml --socket=@name --listen web=127.0.0.1:80 --listen=db=unix:/d");

    assertThat(read.config()).isEqualTo(Path.of("a.toml"));
    assertThat(read.socket()).isEqualTo("@name");
    assertThat(read.state()).isNull();
    assertThat(read.listeners())
        .containsOnlyKeys(ListenerName.parse("web"), ListenerName.parse("db"));
  }

  @Test
  void needsNoArgumentAtAll() throws Exception {
    assertThat(Arguments.parse(new String[0]))
        .isEqualTo(new Arguments(null, null, null, java.util.Map.of(), false, false, false, false));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--sockett /s | no such option: --sockett; did you mean \"--socket\"?",
        "start | takes options only, not \"start\"",
        "--config | --config needs a value",
        "--socket a --socket b | --socket is given twice",
        "--listen web | --listen takes NAME=SPEC, not \"web\"",
        "--listen a=80 --listen a=81 | --listen names a twice",
        "--help=yes | --help takes no value"
      })
  void saysWhatIsWrong(String words, String message) {
    assertThatThrownBy(() -> parse(words))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  private static Arguments parse(String... words) throws Exception {
    return Arguments.parse(String.join(" ", words).split(" ", -1));
  }
}
