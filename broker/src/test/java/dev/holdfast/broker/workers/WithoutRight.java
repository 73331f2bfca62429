package dev.holdfast.broker.workers;

import dev.holdfast.broker.core.Event;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.listener.LeaseId;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * An observer of a broker with fewer rights than its test has: looks at the pid that is its
 * argument, for the listener that is its descriptor 0, and writes the first event.
 */
final class WithoutRight {

  private WithoutRight() {}

  public static void main(String[] arguments) throws IOException, InterruptedException {
    BlockingQueue<Runnable> posted = new LinkedBlockingQueue<>();
    BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    int pid = Integer.parseInt(arguments[0]);
    try (Observer observer = new Observer(posted::add, events::add);
        OwnedFd listener = OwnedFd.adopt(0)) {
      observer.observe(new LeaseId("one"), pid, List.of(listener));
      while (events.isEmpty()) {
        posted.take().run();
      }
      System.out.println(events.take());
    }
  }
}
