package dev.holdfast.agent.prove;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TargetTest {

  @ParameterizedTest
  @CsvSource({
    "tcp:127.0.0.1:8080, 127.0.0.1:8080, 127.0.0.1:8080, false",
    "tcp:0.0.0.0:80, 0.0.0.0:80, 127.0.0.1:80, false",
    "tcp:[::]:8080, 8080, 127.0.0.1:8080, false",
    "tcp:[::]:8080, -8080, 127.0.0.1:8080, false",
    "tcp:[::]:8080, [::]:8080, [::1]:8080, false",
    "tcp:[::1]:8080, [::1]:8080, [::1]:8080, false",
    "tcp:192.0.2.1:8080, 192.0.2.1:8080, 192.0.2.1:8080, true",
    "unix:/run/a, unix:/run/a, /run/a, false"
  })
  void isWhereAClientOfThisHostConnects(
      String endpoint, String spec, String text, boolean beyondLoopback) {
    Target target = Target.of("web", spec, endpoint);
    assertThat(target.text()).isEqualTo(text);
    assertThat(target.beyondLoopback()).isEqualTo(beyondLoopback);
    assertThat(target.endpoint()).hasToString(endpoint);
    assertThat(target.address())
        .isInstanceOfAny(InetSocketAddress.class, UnixDomainSocketAddress.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"udp:127.0.0.1:53", "seqpacket:/run/s", "unixgram:/run/d", "unix:@name", "x"})
  void whatHasNoConnectionsOfAJvmIsNone(String endpoint) {
    assertThatThrownBy(() -> Target.of("web", "spec", endpoint))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(endpoint);
  }

  @Test
  void thePathOfASpeechHasToBeOne() {
    assertThatThrownBy(() -> new Speech(Speech.Kind.HTTP, "page"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("page");
  }
}
