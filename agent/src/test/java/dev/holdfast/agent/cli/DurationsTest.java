package dev.holdfast.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DurationsTest {

  @ParameterizedTest
  @CsvSource({"500ms,PT0.5S", "10s,PT10S", "2m,PT2M", "1h,PT1H", "1d,PT24H", "0s,PT0S"})
  void readsANumberAndAUnit(String text, Duration expected) throws Failure {
    assertThat(Durations.parse("--deadline", text)).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "10", "s", "-1s", "1.5s", "10 s", "10S", "99999999999d", "9999999999999s"})
  void refusesEverythingElse(String text) {
    assertThatThrownBy(() -> Durations.parse("--deadline", text))
        .isInstanceOf(Failure.class)
        .hasMessageContaining("as in 10s");
  }

  @Test
  void writesTheLargestUnit() {
    assertThat(Durations.text(Duration.ofSeconds(59))).isEqualTo("59s");
    assertThat(Durations.text(Duration.ofSeconds(3599))).isEqualTo("59m");
    assertThat(Durations.text(Duration.ofHours(23))).isEqualTo("23h");
    assertThat(Durations.text(Duration.ofDays(3))).isEqualTo("3d");
    assertThat(Durations.text(Duration.ofSeconds(-3))).isEqualTo("0s");
  }
}
