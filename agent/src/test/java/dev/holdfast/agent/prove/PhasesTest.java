package dev.holdfast.agent.prove;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LostConnection;
import dev.holdfast.agent.load.Outcome;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PhasesTest {
  private static final String OK = "HTTP/1.1 200 OK\r\n\r\n";
  private static final long FROM = 1_000;

  private final Phases phases = new Phases(FROM);

  private static LostConnection lost(Outcome kind) {
    return new LostConnection(kind, Instant.EPOCH, Instant.EPOCH, null, "");
  }

  @Test
  void anExchangeBelongsToARestartWhenAnyPartOfItOverlapsOne() {
    phases.served(FROM, FROM + 10, OK); // before all
    phases.restartBegins();
    phases.served(FROM + 5, FROM + 25, OK); // ends in it
    phases.served(FROM + 26, FROM + 27, OK); // within
    phases.restartEnded(FROM + 30);
    phases.served(FROM + 28, FROM + 68, OK); // began in it
    phases.served(FROM + 8, FROM + 88, OK); // all of it
    phases.served(FROM + 30, FROM + 31, OK); // began as it ended
    phases.served(FROM + 31, FROM + 38, OK); // after

    assertThat(phases.steady().latencies().count()).isEqualTo(2);
    assertThat(phases.steady().latencies().max()).isEqualTo(Duration.ofNanos(10));
    assertThat(phases.restarting().latencies().count()).isEqualTo(5);
    assertThat(phases.restarting().latencies().max()).isEqualTo(Duration.ofNanos(80));
  }

  @Test
  void aLaterRestartTakesNothingFromTheTimeBetween() {
    phases.restartBegins();
    phases.restartEnded(FROM + 10);
    phases.served(FROM + 11, FROM + 20, OK);
    phases.restartBegins();
    phases.served(FROM + 12, FROM + 21, OK);
    phases.restartEnded(FROM + 30);
    phases.served(FROM + 31, FROM + 32, OK);

    assertThat(phases.steady().latencies().count()).isEqualTo(2);
    assertThat(phases.restarting().latencies().count()).isEqualTo(1);
  }

  @Test
  void theWarmUpHasLossesButNoLatencies() {
    phases.served(FROM - 1, FROM + 10, OK);
    phases.lost(lost(Outcome.RESET), FROM - 1, FROM + 1);

    assertThat(phases.steady().latencies().count()).isZero();
    assertThat(phases.steady().lost()).isEqualTo(Map.of(Outcome.RESET, 1L));
    assertThat(phases.restarting().lost()).isEmpty();
  }

  @Test
  void lossesAreSortedAsLatenciesAre() {
    phases.lost(lost(Outcome.REFUSED), FROM, FROM + 1);
    phases.restartBegins();
    phases.lost(lost(Outcome.CUT), FROM + 1, FROM + 2);
    phases.restartEnded(FROM + 3);
    phases.lost(lost(Outcome.CUT), FROM + 2, FROM + 9);

    assertThat(phases.steady().lost()).isEqualTo(Map.of(Outcome.REFUSED, 1L));
    assertThat(phases.restarting().lost()).isEqualTo(Map.of(Outcome.CUT, 2L));
  }

  @Test
  void remembersAnswersThatAreServedButNoPage() {
    phases.served(FROM, FROM, "HTTP/1.1 404 Not Found\r\n\r\n");
    phases.served(FROM, FROM, "HTTP/1.1 404 Not Found\r\n\r\n");
    phases.served(FROM, FROM, "HTTP/1.1 301 Moved\r\n\r\n");
    phases.served(FROM, FROM, OK);
    phases.served(FROM, FROM, "");

    assertThat(phases.otherStatuses()).isEqualTo(Map.of("404", 2L, "301", 1L));
  }
}
