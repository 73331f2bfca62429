package dev.holdfast.agent.adopt;

import java.io.IOException;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/**
 * From the first accept on: tells the broker that this worker is ready, and does what it asks for.
 * All of it on a daemon thread, since the program's start and its first connections come first.
 * Until the broker knows that it is to ask here, and where it cannot, it asks by a signal.
 */
final class Serving {

  private final Options options;
  private final Supply supply;
  private final JdkSockets jdk;
  private final JarFile jar;
  private @Nullable Stopping stopping; // written before the JDK is patched
  private @Nullable Adoption adoption; // likewise
  private boolean isSignalTaken; // guarded by the adoption, which tells of one at a time

  Serving(Options options, Supply supply, JdkSockets jdk, JarFile jar) {
    this.options = options;
    this.supply = supply;
    this.jdk = jdk;
    this.jar = jar;
  }

  void adoption(Adoption of) {
    adoption = of;
    stopping = new Stopping(options, of, jdk);
  }

  /** The program has a listener. */
  void adopted() {
    Stopping stops = stopping;
    if (!isSignalTaken && stops != null && options.drain() == Options.Drain.TERM) {
      isSignalTaken = true;
      stops.takeSignal(jar);
    }
  }

  /** The program accepts. Does not block. */
  void accepts() {
    Thread thread = new Thread(null, this::tell, "holdfast-agent", 0, false);
    thread.setDaemon(true);
    thread.start();
  }

  private void tell() {
    Adoption adopted = adoption;
    Stopping stops = stopping;
    if (adopted == null || stops == null) {
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
        link.onDrain(left -> stops.drain(left instanceof Long millis ? millis : -1, link));
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
