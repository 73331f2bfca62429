package dev.holdfast.fd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class ProcessStartTest {

  @Test
  void tellsTheMomentThatProcShows() throws IOException {
    try (Processes.Waiting waiting = Processes.Waiting.start(Processes.cat())) {
      ProcessStart start = ProcessStart.of(waiting.child().pid()).orElseThrow();
      assertThat(start.ticks()).isEqualTo(Long.parseLong(waiting.stat(22)));
      assertThat(start.isStill()).isTrue();
      assertThat(ProcessStart.parent(start.pid())).isEqualTo(Limits.processId());
      start.open().close();
    }
  }

  @Test
  void readsPastANameOfAnyCharacters() {
    String line = "7 (a) S 1 (b) R 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 4711 99 1";
    assertThat(ProcessStart.parse(line.getBytes(UTF_8), 19)).isEqualTo(4711);
    assertThat(ProcessStart.parse(line.getBytes(UTF_8), 1)).isEqualTo(1);
    assertThat(ProcessStart.parse("7 (cut) S 1".getBytes(UTF_8), 19)).isZero();
    assertThat(ProcessStart.parse(new byte[0], 19)).isZero();
  }

  @Test
  void opensNoOtherProcessOfThePid() {
    ProcessStart other = new ProcessStart(Limits.processId(), 1);
    assertThat(other.isStill()).isFalse();
    assertThatThrownBy(other::open).hasMessageContaining("ESRCH");
    assertThat(ProcessStart.of(0)).isEmpty();
    assertThat(ProcessStart.of(Integer.MAX_VALUE)).isEmpty();
  }

  @Test
  void aPidfdTellsHowItsProcessEnded() throws IOException {
    Processes.Waiting waiting = Processes.Waiting.start(Processes.cat());
    try (Pidfd pidfd = Pidfd.open(waiting.child().pid())) {
      assertThat(pidfd.exitStatus()).isEmpty();
      pidfd.signal(9);
      waiting.close();
      // Empty before Linux 6.15; never another number.
      assertThat(pidfd.exitStatus().orElse(9)).isEqualTo(9);
    }
  }
}
