package dev.holdfast.broker.bench;

/** What a figure must not exceed, or must reach. */
record Goal(boolean isUpper, double limit) {
  static Goal atMost(double limit) {
    return new Goal(true, limit);
  }

  static Goal atLeast(double limit) {
    return new Goal(false, limit);
  }

  boolean isMetBy(double value) {
    return isUpper ? value <= limit : value >= limit;
  }

  @Override
  public String toString() {
    return (isUpper ? "≤ " : "≥ ") + Samples.number(limit);
  }
}
