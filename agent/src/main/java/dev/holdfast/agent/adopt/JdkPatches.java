package dev.holdfast.agent.adopt;

import dev.holdfast.agent.adopt.nio.AdoptedSockets;
import java.io.IOException;
import java.io.InputStream;
import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.lang.instrument.UnmodifiableClassException;
import java.lang.invoke.MethodHandles;
import java.security.ProtectionDomain;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import org.jspecify.annotations.Nullable;

/**
 * Has the JDK's sockets call {@link AdoptedSockets}. The transformer stays for as long as the JVM
 * lives: when another agent has one of these classes transformed again, the JVM begins with the
 * JDK's own file, and what is not patched once more would be gone. Of the program's classes it
 * looks at nothing but the loader.
 */
final class JdkPatches implements ClassFileTransformer {

  private static final String NIO = "sun/nio/ch/";
  private static final String HOOK = NIO + "AdoptedSockets";
  private static final String DATAGRAMS = NIO + "AdoptedDatagrams";
  private static final String OURS = "dev/holdfast/agent/adopt/";
  private static final String FD = "Ljava/io/FileDescriptor;";
  private static final String FAMILY = "Ljava/net/ProtocolFamily;";
  private static final String INET = "Ljava/net/InetAddress;";
  private static final String OPTION = "Ljava/net/SocketOption;";
  private static final String PEER = "[Ljava/net/InetSocketAddress;";

  /** A call of the JDK's, and what takes its place. */
  private record Redirect(String owner, String name, String descriptor, String toOwner, String to) {
    static Redirect of(String owner, String name, String descriptor, String to) {
      return new Redirect(NIO + owner, name, descriptor, HOOK, to);
    }
  }

  private static final Redirect LISTEN = Redirect.of("Net", "listen", "(" + FD + "I)V", "listen");
  private static final Redirect BLOCKING =
      Redirect.of("IOUtil", "configureBlocking", "(" + FD + "Z)V", "configureBlocking");
  private static final Redirect ACCEPT =
      Redirect.of("Net", "accept", "(" + FD + FD + PEER + ")I", "accept");
  private static final Redirect SET =
      Redirect.of(
          "Net", "setSocketOption", "(" + FD + OPTION + "Ljava/lang/Object;)V", "setSocketOption");
  private static final Redirect SET_FOR_FAMILY =
      Redirect.of(
          "Net",
          "setSocketOption",
          "(" + FD + FAMILY + OPTION + "Ljava/lang/Object;)V",
          "setSocketOption");
  private static final Redirect CONTROL = Redirect.of("EPoll", "ctl", "(IIII)I", "control");

  private static Redirect bind(String to) {
    return Redirect.of("Net", "bind", "(" + FD + INET + "I)V", to);
  }

  private static Redirect bindFamily(String to) {
    return Redirect.of("Net", "bind", "(" + FAMILY + FD + INET + "I)V", to);
  }

  private static Map<String, List<Redirect>> table() {
    Map<String, List<Redirect>> table = new LinkedHashMap<>();
    table.put(
        "ServerSocketChannelImpl",
        List.of(
            bindFamily("bindChannel"),
            Redirect.of(
                "UnixDomainSockets", "bind", "(" + FD + "Ljava/nio/file/Path;)V", "bindUnix"),
            Redirect.of(
                "UnixDomainSockets",
                "accept",
                "(" + FD + FD + "[Ljava/lang/String;)I",
                "acceptUnix"),
            LISTEN,
            BLOCKING,
            ACCEPT,
            SET_FOR_FAMILY));
    table.put(
        "NioSocketImpl",
        List.of(bind("bindSocket"), LISTEN, BLOCKING, ACCEPT, SET, SET_FOR_FAMILY));
    table.put(
        "AsynchronousServerSocketChannelImpl",
        List.of(bind("bindAsynchronous"), LISTEN, SET, SET_FOR_FAMILY));
    table.put("UnixAsynchronousServerSocketChannelImpl", List.of(ACCEPT));
    table.put(
        "DatagramChannelImpl",
        List.of(
            bindFamily("bindDatagram"),
            Redirect.of("Net", "connect", "(" + FAMILY + FD + INET + "I)I", "connect"),
            new Redirect(
                NIO + "DatagramChannelImpl", "send0", "(" + FD + "JIJI)I", DATAGRAMS, "send"),
            BLOCKING,
            SET_FOR_FAMILY));
    table.put("EPollSelectorImpl", List.of(CONTROL));
    return table;
  }

  /** What has to be redirected for adoption to be safe; the rest differs between versions. */
  private static final Set<String> NEEDED =
      Set.of("bindChannel", "bindAsynchronous", "bindSocket", "bindDatagram", "bindUnix", "listen");

  private final Map<String, List<Redirect>> redirects = table();
  private final Map<String, String> missing = new HashMap<>();

  private JdkPatches() {}

  /**
   * Patches the JDK. From then on the function is asked as AdoptedSockets says.
   *
   * @throws IOException when this JDK is not as it must be; then nothing of it is changed in a way
   *     that can be noticed
   */
  static void apply(Instrumentation jvm, JarFile jar, Adoption agent) throws IOException {
    try {
      MethodHandles.Lookup nio =
          MethodHandles.privateLookupIn(Class.forName("sun.nio.ch.Net"), MethodHandles.lookup());
      Class<?> hook = nio.defineClass(renamed(jar, "nio/AdoptedSockets", NIO));
      Class<?> unused = nio.defineClass(renamed(jar, "nio/AdoptedDatagrams", NIO));
      agent.hook(new JdkHook(hook, agent));
      JdkPatches patches = new JdkPatches();
      List<Class<?>> classes = new ArrayList<>();
      for (String name : patches.redirects.keySet()) {
        classes.add(Class.forName("sun.nio.ch." + name, false, null));
      }
      jvm.addTransformer(patches, true);
      boolean isPatched = false;
      try {
        jvm.retransformClasses(classes.toArray(new Class<?>[0]));
        isPatched = patches.missing.isEmpty();
      } finally {
        if (!isPatched) {
          jvm.removeTransformer(patches);
        }
      }
      if (!isPatched) {
        throw new IOException("this JDK binds in other ways: " + patches.missing);
      }
    } catch (ReflectiveOperationException | UnmodifiableClassException | RuntimeException e) {
      throw new IOException("patch the sockets of this JDK: " + e, e);
    } catch (LinkageError e) {
      throw new IOException("define a class in sun.nio.ch: " + e, e);
    }
  }

  /** Lets the agent see what no option of the JVM has to open for it then. */
  static void open(Instrumentation jvm) {
    Set<Module> ours = Set.of(JdkPatches.class.getModule());
    jvm.redefineModule(
        Object.class.getModule(),
        Set.of(),
        Map.of(),
        Map.of("sun.nio.ch", ours, "jdk.internal.misc", ours, "jdk.internal.access", ours),
        Set.of(),
        Map.of());
  }

  /** A class of ours as it is to be one of a package of the JDK's. */
  static byte[] renamed(JarFile jar, String name, String to) throws IOException {
    ZipEntry entry = jar.getEntry(OURS + name + ".class");
    if (entry == null) {
      throw new IOException(jar.getName() + " is not complete: it has no " + name);
    }
    try (InputStream in = jar.getInputStream(entry)) {
      ConstantPool pool = new ConstantPool(in.readAllBytes());
      pool.rename(OURS + name.substring(0, name.lastIndexOf('/') + 1), to);
      return pool.toClassFile();
    }
  }

  @Override
  public byte @Nullable [] transform(
      @Nullable ClassLoader loader,
      String name,
      @Nullable Class<?> redefined,
      ProtectionDomain domain,
      byte[] file) {
    if (loader != null || !name.startsWith(NIO)) {
      return null;
    }
    String shortName = name.substring(NIO.length());
    List<Redirect> wanted = redirects.get(shortName);
    if (wanted == null) {
      return null;
    }
    ConstantPool pool = new ConstantPool(file);
    for (Redirect each : wanted) {
      boolean found =
          pool.redirect(each.owner(), each.name(), each.descriptor(), each.toOwner(), each.to());
      if (!found && NEEDED.contains(each.to())) {
        missing.put(shortName, each.name() + each.descriptor());
      }
    }
    return pool.toClassFile();
  }
}
