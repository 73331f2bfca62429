package dev.holdfast.agent.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReportTextTest {

  private static final Duration TOOK = Duration.ofMillis(212);

  @Test
  void saysWhatTheNextBrokerFound() {
    assertThat(
            ReportText.recovery(new DemoReport.Recovery(7, 9, 4711, List.of(1L, 2L, 3L, 4L), TOOK)))
        .isEqualTo(
            "killed with -9 and started again: after 212.0 ms the same listener (inode 4711), the"
                + " same 4 workers");
    assertThat(ReportText.recovery(new DemoReport.Recovery(7, 9, 0, List.of(1L), TOOK)))
        .contains("after 212.0 ms the same port, the same 1 workers");
  }
}
