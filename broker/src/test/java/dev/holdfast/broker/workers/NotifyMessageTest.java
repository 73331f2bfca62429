package dev.holdfast.broker.workers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.core.Notification;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NotifyMessageTest {

  private static NotifyMessage parse(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return NotifyMessage.parse(bytes, bytes.length);
  }

  @Test
  void readsAllThatIsMeantForTheState() {
    assertThat(
            parse(
                    "READY=1\nSTOPPING=1\nWATCHDOG=1\nSTATUS=a=b \u00e4\nEXTEND_TIMEOUT_USEC=1500000\n")
                .said())
        .contains(new Notification(true, true, true, false, "a=b \u00e4", Duration.ofMillis(1500)));
    assertThat(parse("WATCHDOG=trigger").said().orElseThrow().failing()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "\n\n",
        "READY=0",
        "READY",
        "=1",
        "RELOADING=1\nMONOTONIC_USEC=1",
        "EXTEND_TIMEOUT_USEC=-1",
        "EXTEND_TIMEOUT_USEC=99999999999999999999",
        "BARRIER=1",
        " READY=1"
      })
  void tellsTheStateNothingOfTheRest(String text) {
    assertThat(parse(text).said()).isEmpty();
  }

  @Test
  void cleansTheStatus() {
    assertThat(parse("STATUS=a\033[31mb\r").said().orElseThrow().status()).isEqualTo("a?[31mb?");
  }

  @Test
  void readsADescriptorsName() {
    assertThat(parse("FDSTORE=1\nFDNAME=my sock"))
        .extracting(NotifyMessage::store, NotifyMessage::name, NotifyMessage::watched)
        .containsExactly(true, "my sock", true);
    assertThat(parse("FDSTORE=1\nFDPOLL=0").watched()).isFalse();
    assertThat(parse("FDSTORE=1").name()).isEqualTo("stored");
    assertThat(parse("FDSTORE=1\nFDNAME=a:b").name()).isEqualTo("stored");
    assertThat(parse("FDSTORE=1\nFDNAME=" + "a".repeat(256)).name()).isEqualTo("stored");
    assertThat(parse("FDSTOREREMOVE=1\nFDNAME=x").remove()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"MAINPID=0", "MAINPID=-5", "MAINPID=4294967297", "MAINPID=x", "MAINPID="})
  void takesNoNonsenseForAPid(String text) {
    assertThat(parse(text).mainProcess()).isZero();
  }

  @Test
  void readsTheMainProcess() {
    assertThat(parse("MAINPID=4711").mainProcess()).isEqualTo(4711);
  }
}
