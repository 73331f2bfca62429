package dev.holdfast.agent.adopt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OptionsTest {

  @Test
  void withoutAnyTheBrokerIsOptionalAndTheJvmIsAskedToEnd() {
    Options options = Options.parse(null);
    assertThat(options.required()).isFalse();
    assertThat(options.mappings()).isEmpty();
    assertThat(options.drain()).isEqualTo(Options.Drain.TERM);
    assertThat(options.quiet()).isEqualTo(Options.QUIET);
    assertThat(options.readyWhenAccepting()).isTrue();
    assertThat(Options.parse("")).isEqualTo(options);
  }

  @Test
  void aMapMakesTheBrokerRequiredUnlessItIsSaid() {
    assertThat(Options.parse("8080=web").required()).isTrue();
    assertThat(Options.parse("8080=web,optional").required()).isFalse();
    assertThat(Options.parse("required").required()).isTrue();
  }

  @Test
  void readsAddresses() throws Exception {
    Options options =
        Options.parse("8080=web,127.0.0.1:9090=admin,[::1]:9091=six,udp:53=dns,unix:/run/x=local");
    assertThat(options.mappings())
        .containsExactly(
            new Options.Mapping(false, null, 8080, null, "web"),
            new Options.Mapping(false, InetAddress.getByName("127.0.0.1"), 9090, null, "admin"),
            new Options.Mapping(false, InetAddress.getByName("::1"), 9091, null, "six"),
            new Options.Mapping(true, null, 53, null, "dns"),
            new Options.Mapping(false, null, 0, "/run/x", "local"));
  }

  @Test
  void readsTheRest() {
    Options options =
        Options.parse(
            "drain=close,quiet=250ms,ready=manual,socket=@name,native=/opt/x,service=shop,replace");
    assertThat(options.drain()).isEqualTo(Options.Drain.CLOSE);
    assertThat(options.quiet()).isEqualTo(Duration.ofMillis(250));
    assertThat(options.readyWhenAccepting()).isFalse();
    assertThat(options.socket()).isEqualTo("@name");
    assertThat(options.natives()).isEqualTo("/opt/x");
    assertThat(options.service()).isEqualTo("shop");
    assertThat(options.replace()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "nonsense | there are PORT=LISTENER",
        "8080= | a value is missing",
        "0=web | a port from 1 to 65535",
        "70000=web | a port from 1 to 65535",
        "drain=later | term, close or none",
        "quiet=soon | 500ms or 2s",
        "quiet=2 | 500ms or 2s",
        "ready=now | accept or manual",
        "replace | service=NAME",
        "8080=web,, | there are PORT=LISTENER"
      })
  void saysWhatIsWrongAndWhatIsPossible(String text, String message) {
    assertThatThrownBy(() -> Options.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }
}
