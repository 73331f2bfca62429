package dev.holdfast.broker.workers;

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
   * The worker and all that it started have ended: what is still there is taken, then it closes.
   */
  void gone();
}
