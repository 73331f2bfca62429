package dev.holdfast.agent.adopt;

import java.io.File;
import java.io.IOException;
import java.lang.instrument.Instrumentation;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/**
 * Where the JVM begins with {@code -javaagent}, before the program. Does only what is needed before
 * the first bind. What it cannot do it says in a line; it ends the JVM only for options that make
 * no sense, since a server that ignores them would bind a port of its own.
 */
public final class Premain {

  private static final int USAGE = 64;

  private Premain() {}

  /** Called by the JVM. */
  public static void premain(@Nullable String text, Instrumentation jvm) {
    if (System.getProperty("holdfast.command") != null) {
      return; // Holdfast's own programs, started with the environment of a worker
    }
    Options options;
    try {
      options = Options.parse(text);
    } catch (IllegalArgumentException e) {
      Said.line(String.valueOf(e.getMessage()));
      Runtime.getRuntime().halt(USAGE);
      return;
    }
    try {
      begin(options, jvm);
    } catch (IOException e) {
      Said.failure("no listener can be adopted, the program binds its own", e);
      if (options.required()) {
        Runtime.getRuntime().halt(1);
      }
    }
  }

  private static void begin(Options options, Instrumentation jvm) throws IOException {
    JdkPatches.open(jvm);
    JdkSockets jdk = new JdkSockets();
    List<Offer> inherited = InheritedSockets.find(System.getenv(), pid(), jdk);
    if (inherited.isEmpty() && System.getenv("LISTEN_FDS") != null) {
      // A child of a worker, with its environment but not its sockets: what it binds is its own.
      String why = "the sockets that LISTEN_FDS speaks of are another process's: none is adopted";
      if (options.required()) {
        Said.line(why); // a child's own, or somebody's mistake: it must not be found out in vain
      } else {
        Said.debug(why);
      }
      return;
    }
    JarFile jar = new JarFile(jar());
    Supply supply = new Supply(options, jar, inherited, jdk);
    if (!supply.isInherited()) {
      supply.prepare();
    }
    Serving serving = new Serving(options, supply, jdk, jar);
    Adoption adoption = new Adoption(options, supply, jdk, serving);
    serving.adoption(adoption);
    JdkPatches.apply(jvm, jar, adoption);
    NettySockets.watch(jvm, adoption);
  }

  /** By what the link is called; ProcessHandle would begin with a pool of threads. */
  private static String pid() throws IOException {
    return new File("/proc/self").getCanonicalFile().getName();
  }

  private static String jar() {
    return Path.of(
            URI.create(
                String.valueOf(Premain.class.getProtectionDomain().getCodeSource().getLocation())))
        .toString();
  }
}
