package dev.holdfast.broker.workers;

import dev.holdfast.fd.OwnedFd;
import java.util.Optional;
import java.util.function.Consumer;

/** What one worker prints. The loop's thread calls. */
interface Printed {

  /** Where it cannot be had. */
  Printed NOTHING =
      new Printed() {
        @Override
        public void last(Consumer<String> then) {
          then.accept("");
        }

        @Override
        public void gone() {}
      };

  /** Asks for the last lines; the consumer gets them on another thread, soon. */
  void last(Consumer<String> then);

  /**
   * Where it comes from, still owned by this; empty where that is a file, or has ended. For a
   * successor, when reading is paused.
   */
  default Optional<OwnedFd> source() {
    return Optional.empty();
  }

  /**
   * The worker and all that it started have ended: what is still there is taken, then it closes.
   */
  void gone();
}
