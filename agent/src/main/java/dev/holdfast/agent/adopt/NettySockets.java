package dev.holdfast.agent.adopt;

import java.io.IOException;
import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.BindException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.security.ProtectionDomain;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Netty's native transports, which make their system calls without the JDK: its class Socket calls
 * the methods here in the place of its own native ones. Found under any name that a copy of Netty
 * was moved to. A listener is the same under epoll and io_uring; but a request to accept that
 * io_uring has been given goes on when a drain puts another socket under the number, so there the
 * program's own end has to do.
 */
public final class NettySockets implements ClassFileTransformer {

  private static final String SOCKET = "io/netty/channel/unix/Socket";
  private static final String US = "dev/holdfast/agent/adopt/NettySockets";
  private static final String BIND = "(IZ[BII)I";
  private static final String BIND_UNIX = "(I[B)I";
  private static final String LISTEN = "(II)I";

  private static volatile @Nullable Adoption adoption; // written once, before any class is patched
  private static volatile @Nullable Instrumentation jvm;

  private NettySockets() {}

  static void watch(Instrumentation instrumentation, Adoption of) {
    adoption = of;
    jvm = instrumentation;
    instrumentation.addTransformer(new NettySockets(), false);
  }

  @Override
  public byte @Nullable [] transform(
      @Nullable ClassLoader loader,
      @Nullable String name,
      @Nullable Class<?> redefined,
      ProtectionDomain domain,
      byte[] file) {
    if (name == null || !name.endsWith(SOCKET)) {
      return null;
    }
    ConstantPool pool = new ConstantPool(file);
    boolean found =
        pool.redirect(name, "bind", BIND, US, "bind")
            && pool.redirect(name, "listen", LISTEN, US, "listen");
    if (!found) {
      Said.line(
          "this version of Netty binds in another way: its native transports bind their own ports;"
              + " use its NIO transport");
      return null;
    }
    boolean unused = pool.redirect(name, "bindDomainSocket", BIND_UNIX, US, "bindUnix");
    return pool.toClassFile();
  }

  /** In the place of Socket's native method of this name. */
  public static int bind(int fd, boolean ipv6, byte[] address, int scope, int port)
      throws IOException {
    Adoption asked = adoption;
    if (port == 0 || asked == null || !adopts(asked, fd, InetAddress.getByAddress(address), port)) {
      return own("bind", fd, ipv6, address, scope, port);
    }
    return 0;
  }

  /** In the place of Socket's bindDomainSocket. */
  public static int bindUnix(int fd, byte[] path) throws IOException {
    Adoption asked = adoption;
    String text = new String(path, StandardCharsets.UTF_8);
    return asked != null && adopts(asked, fd, text, 0) ? 0 : own("bindDomainSocket", fd, path);
  }

  /** In the place of Socket's listen: an adopted socket listens, with the broker's backlog. */
  public static int listen(int fd, int backlog) throws IOException {
    Adoption asked = adoption;
    return asked != null && asked.listensAlready(fd) ? 0 : own("listen", fd, backlog);
  }

  private static boolean adopts(Adoption asked, int fd, Object address, int port)
      throws IOException {
    Object answer = asked.bindNative(fd, address, port);
    if (answer instanceof String refusal) {
      throw new BindException(refusal);
    }
    return answer != null;
  }

  /** What would have been called. */
  private static int own(String name, Object... arguments) throws IOException {
    Class<?> socket =
        StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE)
            .walk(
                frames ->
                    frames
                        .<Class<?>>map(StackWalker.StackFrame::getDeclaringClass)
                        .filter(each -> each != NettySockets.class)
                        .findFirst()
                        .orElseThrow());
    try {
      for (Method each : socket.getDeclaredMethods()) {
        if (each.getName().equals(name)
            && each.getReturnType() == int.class
            && each.getParameterCount() == arguments.length) {
          open(socket);
          each.setAccessible(true);
          return (Integer) each.invoke(null, arguments);
        }
      }
    } catch (InvocationTargetException e) {
      throw new IOException(name + ": " + e.getCause(), e);
    } catch (IllegalAccessException e) {
      throw new IOException(name + ": " + e.getMessage(), e);
    }
    throw new IOException(socket.getName() + " has no method " + name);
  }

  private static void open(Class<?> socket) {
    Instrumentation with = jvm;
    Module module = socket.getModule();
    if (with != null && module.isNamed()) {
      with.redefineModule(
          module,
          Set.of(),
          Map.of(),
          Map.of(socket.getPackageName(), Set.of(NettySockets.class.getModule())),
          Set.of(),
          Map.of());
    }
  }
}
