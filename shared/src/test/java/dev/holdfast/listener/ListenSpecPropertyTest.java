package dev.holdfast.listener;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Under a printed seed; {@code -Dholdfast.seed=N} in the test JVM runs one again. */
class ListenSpecPropertyTest {

  private static final boolean PROOF = Boolean.getBoolean("holdfast.proof");

  private final long seed = Long.getLong("holdfast.seed", System.nanoTime());

  @Test
  void readsBackWhatItWrites() throws InvalidSpecException {
    System.out.println("ListenSpec round trip, seed " + seed);
    RandomSpecs specs = new RandomSpecs(seed);
    for (int i = 0; i < (PROOF ? 200_000 : 20_000); i++) {
      ListenSpec spec = specs.spec();
      ListenSpec again = ListenSpec.parse(spec.toString());
      if (!again.equals(spec) || !again.toString().equals(spec.toString())) {
        assertThat(again).as("seed %d, spec %d", seed, i).isEqualTo(spec);
      }
    }
  }

  @Test
  void readsOrRefusesWhateverItIsGiven() {
    System.out.println("ListenSpec fuzzer, seed " + seed);
    RandomSpecs texts = new RandomSpecs(seed);
    int count = PROOF ? 1_000_000 : 20_000;
    int read = 0;
    for (int i = 0; i < count; i++) {
      String text = texts.text();
      try {
        read += isReadable(text) ? 1 : 0;
      } catch (RuntimeException | Error | InvalidSpecException e) {
        throw new AssertionError("seed " + seed + ", text " + i + ": " + Quoted.text(text), e);
      }
    }
    assertThat(read).as("how many were specs after all").isBetween(count / 100, count / 2);
  }

  /** Also checks that what is read can be read back, and that a fault lies inside the text. */
  private static boolean isReadable(String text) throws InvalidSpecException {
    ListenSpec spec;
    try {
      spec = ListenSpec.parse(text);
    } catch (InvalidSpecException e) {
      if (e.position() < 0 || e.position() > text.length() || e.message().contains("\n")) {
        throw new AssertionError("position " + e.position(), e);
      }
      return false;
    }
    if (!ListenSpec.parse(spec.toString()).equals(spec)) {
      throw new AssertionError("reads back differently: " + spec);
    }
    return true;
  }
}
