package dev.holdfast.broker.badpeers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A well-behaved peer that takes a listener again and again while others misbehave. What it had to
 * wait at most is held against a generous bound: it shows that the broker's loop was not blocked,
 * not how fast it is.
 */
final class Neighbour implements AutoCloseable {

  private static final Duration BOUND = Duration.ofSeconds(2);
  private static final JsonObject REQUEST =
      JsonObject.of("listeners", List.of("web"), "hold", "connection");

  private final UnixAddress address;
  private final Thread thread = new Thread(this::run, "neighbour");
  // The thread writes, the test reads.
  private volatile boolean stopping;
  private volatile long worst;
  private volatile int served;
  private volatile @Nullable Throwable failure;

  private Neighbour(Path socket) {
    address = new UnixAddress.Path(socket);
  }

  static Neighbour of(Path socket) {
    Neighbour neighbour = new Neighbour(socket);
    neighbour.thread.setDaemon(true);
    neighbour.thread.start();
    return neighbour;
  }

  private void run() {
    int count = 0;
    try {
      while (!stopping || count == 0) { // a short attack may be over before the first call
        long begin = System.nanoTime();
        try (VarlinkClient client = VarlinkClient.connect(address);
            Answer answer =
                client.call("dev.holdfast.Worker.Acquire", REQUEST, Duration.ofSeconds(30))) {
          assertThat(answer.descriptors()).hasSize(1);
        }
        worst = Math.max(worst, System.nanoTime() - begin);
        served = ++count;
        java.util.concurrent.locks.LockSupport.parkNanos(2_000_000);
      }
    } catch (Throwable e) {
      failure = e;
    }
  }

  /** Ends, and holds what it saw against the bound. */
  @Override
  public void close() {
    stopping = true;
    try {
      thread.join(60_000);
    } catch (InterruptedException e) {
      throw new AssertionError("interrupted while the neighbour ends", e);
    }
    assertThat(failure).as("what happened to the neighbour after %s calls", served).isNull();
    assertThat(served).as("calls of the neighbour").isPositive();
    assertThat(Duration.ofNanos(worst)).as("the longest wait of the neighbour").isLessThan(BOUND);
  }
}
