package dev.holdfast.broker.testing;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The brokers and workers of one test. After it, in the opposite order of their start, workers are
 * ended, and each broker must have closed what it opened for them, and end well.
 *
 * <p>Register it as a field: {@code @RegisterExtension final Brokers brokers = new Brokers();}
 */
public final class Brokers implements AfterEachCallback {
  private final Deque<AutoCloseable> started = new ArrayDeque<>();

  /** On free TCP ports, one for each name. */
  public BrokerProcess start(String... names) throws Exception {
    return keep(BrokerProcess.start(names));
  }

  public BrokerProcess start(BrokerProcess.Options options) throws Exception {
    return keep(BrokerProcess.start(options));
  }

  /** In a directory that has files for it already; it is deleted with the broker's end. */
  public BrokerProcess start(BrokerProcess.Options options, Path directory) throws Exception {
    return keep(BrokerProcess.start(options, directory));
  }

  public Workers workers(BrokerProcess broker, String listener) throws Exception {
    return keep(Workers.of(broker, listener));
  }

  /** Ends this too after the test; from any of its threads. */
  public synchronized <T extends AutoCloseable> T keep(T resource) {
    started.push(resource);
    return resource;
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    Throwable failure = context.getExecutionException().orElse(null);
    Throwable worst = null;
    for (AutoCloseable resource : started) {
      try {
        if (resource instanceof BrokerProcess broker && broker.isAlive()) {
          // Those that were started by a broker before it are its own by now.
          started.stream().filter(Workers.class::isInstance).forEach(Brokers::end);
          if (failure != null) {
            System.err.println("the broker wrote:\n" + broker.process().written());
          }
          broker.assertNothingLeaked();
        }
        resource.close();
      } catch (Throwable e) {
        if (worst == null) {
          worst = e;
        } else {
          worst.addSuppressed(e);
        }
        if (resource instanceof BrokerProcess broker) {
          broker.process().close();
          BrokerFamily.at(broker.socket()).end();
        }
      }
    }
    if (worst instanceof Error error) {
      throw error;
    }
    if (worst instanceof Exception exception) {
      throw exception;
    }
  }

  private static void end(AutoCloseable workers) {
    ((Workers) workers).close();
  }
}
