package dev.holdfast.agent.load;

import java.time.Duration;

/**
 * Counts durations in buckets whose width is 1/128 of their value, so that any percentile is right
 * within 0.8 %, from a nanosecond to more than an hour (longer ones count as the longest bucket;
 * the maximum stays exact). Not thread-safe.
 */
public final class LatencyHistogram {
  private static final int SUB_BUCKET_BITS = 7;
  private static final int SUB_BUCKETS = 1 << SUB_BUCKET_BITS;
  private static final int LARGEST_EXPONENT = 42;
  private static final int BUCKETS = (LARGEST_EXPONENT - SUB_BUCKET_BITS + 2) << SUB_BUCKET_BITS;

  private final long[] counts = new long[BUCKETS];
  private long count;
  private long largest;

  /** Counts one duration; a negative one counts as zero. */
  public void record(long nanoseconds) {
    long value = Math.max(0, nanoseconds);
    counts[bucket(value)]++;
    count++;
    largest = Math.max(largest, value);
  }

  /** Adds all that the other one counted, as if it had been recorded here. */
  public void add(LatencyHistogram other) {
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
      counts[bucket] += other.counts[bucket];
    }
    count += other.count;
    largest = Math.max(largest, other.largest);
  }

  /** A histogram of its own with the same content. */
  public LatencyHistogram copy() {
    LatencyHistogram copy = new LatencyHistogram();
    copy.add(this);
    return copy;
  }

  /** How many durations were recorded. */
  public long count() {
    return count;
  }

  /**
   * The duration that the given share of all recorded ones does not exceed (zero when there are
   * none).
   *
   * @param percent above 0, at most 100
   */
  public Duration percentile(double percent) {
    if (!(percent > 0 && percent <= 100)) {
      throw new IllegalArgumentException("percent must be above 0 and at most 100: " + percent);
    }
    long wanted = Math.max(1, (long) Math.ceil(count * percent / 100));
    long seen = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
      seen += counts[bucket];
      if (seen >= wanted) {
        return Duration.ofNanos(Math.min(highest(bucket), largest));
      }
    }
    return Duration.ofNanos(largest);
  }

  public Duration p50() {
    return percentile(50);
  }

  public Duration p99() {
    return percentile(99);
  }

  public Duration p999() {
    return percentile(99.9);
  }

  /** The longest duration, exactly. */
  public Duration max() {
    return Duration.ofNanos(largest);
  }

  @Override
  public String toString() {
    return "p50 %s p99 %s p99.9 %s max %s of %d".formatted(p50(), p99(), p999(), max(), count);
  }

  private static int bucket(long value) {
    if (value < SUB_BUCKETS) {
      return (int) value;
    }
    int exponent = 63 - Long.numberOfLeadingZeros(value);
    if (exponent > LARGEST_EXPONENT) {
      return BUCKETS - 1;
    }
    int shift = exponent - SUB_BUCKET_BITS;
    // The bits below the leading one say where in its power of two a value lies.
    return ((shift + 1) << SUB_BUCKET_BITS) + (int) (value >>> shift) - SUB_BUCKETS;
  }

  /** The largest value that falls into the bucket. */
  private static long highest(int bucket) {
    int shift = (bucket >> SUB_BUCKET_BITS) - 1;
    if (shift < 0) {
      return bucket;
    }
    long first = (long) (bucket & (SUB_BUCKETS - 1)) + SUB_BUCKETS;
    return ((first + 1) << shift) - 1;
  }
}
