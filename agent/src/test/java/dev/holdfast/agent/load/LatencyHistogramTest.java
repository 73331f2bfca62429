package dev.holdfast.agent.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LatencyHistogramTest {
  @Test
  void findsPercentilesWithinOnePercent() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    long[] values = random.doubles(100_000, 0, 36).mapToLong(e -> (long) Math.pow(2, e)).toArray();
    LatencyHistogram histogram = new LatencyHistogram();
    for (long value : values) {
      histogram.record(value);
    }
    java.util.Arrays.sort(values);

    for (double percent : new double[] {0.1, 1, 25, 50, 90, 99, 99.9, 99.99, 100}) {
      long exact = values[(int) Math.ceil(values.length * percent / 100) - 1];
      assertThat(histogram.percentile(percent).toNanos())
          .as("seed %d percent %s", seed, percent)
          .isBetween(exact, exact + exact / 100 + 1);
    }
    assertThat(histogram.max().toNanos()).isEqualTo(values[values.length - 1]);
  }

  @Test
  void mergesAsIfAllHadBeenRecordedInOne() {
    LatencyHistogram one = new LatencyHistogram();
    LatencyHistogram other = new LatencyHistogram();
    LatencyHistogram all = new LatencyHistogram();
    for (int value = 0; value < 10_000; value++) {
      (value % 3 == 0 ? one : other).record(value * 1_000L);
      all.record(value * 1_000L);
    }
    LatencyHistogram copy = one.copy();
    one.add(other);

    assertThat(one).hasToString(all.toString());
    assertThat(copy.count()).isEqualTo(3_334);
  }

  @Test
  void copesWithNothingAndWithExtremes() {
    LatencyHistogram histogram = new LatencyHistogram();
    assertThat(histogram.p999()).isZero();
    histogram.record(-5);
    histogram.record(Long.MAX_VALUE);

    assertThat(histogram.p50()).isZero();
    assertThat(histogram.max()).isEqualTo(Duration.ofNanos(Long.MAX_VALUE));
    assertThat(histogram.count()).isEqualTo(2);
    assertThatThrownBy(() -> histogram.percentile(0)).isInstanceOf(IllegalArgumentException.class);
  }
}
