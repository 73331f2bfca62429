package dev.holdfast.agent.adopt;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * From the first accept on: tells the broker that this worker is ready, and does what it asks for.
 * All of it on a daemon thread, since the program's start and its first connections come first.
 */
final class Serving implements Runnable {

  private final Options options;
  private final Supply supply;
  private final JdkSockets jdk;
  private @Nullable Adoption adoption; // written before the JDK is patched

  Serving(Options options, Supply supply, JdkSockets jdk) {
    this.options = options;
    this.supply = supply;
    this.jdk = jdk;
  }

  void adoption(Adoption of) {
    adoption = of;
  }

  /** The program accepts. Does not block. */
  @Override
  public void run() {
    Thread thread = new Thread(null, this::tell, "holdfast-agent", 0, false);
    thread.setDaemon(true);
    thread.start();
  }

  private void tell() {
    Adoption adopted = adoption;
    if (adopted == null) {
      return;
    }
    if (supply.isInherited() && System.getenv("HOLDFAST_LEASE") == null) {
      return; // by systemd, for example: there is no broker to be told
    }
    try {
      BrokerLink link = supply.link();
      if (supply.isInherited() && link.inherit() == null) {
        Said.debug("the inherited sockets are no lease's: nobody will ask for them");
        return;
      }
      for (Adoption.Adopted each : adopted.open()) {
        link.closeOnExec(each.number());
      }
      if (options.drain() != Options.Drain.NONE) {
        Stopping stopping = new Stopping(options, adopted, jdk);
        link.onDrain(left -> stopping.drain(left instanceof Long millis ? millis : -1, link));
      }
      if (options.readyWhenAccepting()) {
        link.ready();
      }
    } catch (IOException | LinkageError e) {
      Said.failure(
          "the listener is served, but the broker cannot be spoken to: it will stop this JVM by a"
              + " signal",
          e);
    }
  }
}
