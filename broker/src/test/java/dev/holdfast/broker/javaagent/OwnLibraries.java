package dev.holdfast.broker.javaagent;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.newsclub.net.unix.AFUNIXServerSocket;
import org.newsclub.net.unix.AFUNIXSocket;
import org.newsclub.net.unix.AFUNIXSocketAddress;

/**
 * A program that has JNA and junixsocket for itself, and serves beside: DIRECTORY HOST PORT. It
 * uses both before it binds and goes on to.
 */
public final class OwnLibraries {
  private OwnLibraries() {}

  public static void main(String[] arguments) throws IOException {
    use(Path.of(arguments[0]).resolve("before.sock").toFile());
    Thread uses =
        new Thread(
            () -> {
              try {
                for (int i = 0; ; i++) {
                  use(Path.of(arguments[0]).resolve("use-" + i % 2 + ".sock").toFile());
                }
              } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
              }
            });
    uses.setDaemon(true);
    uses.start();
    Binder.main(new String[] {"selector", arguments[1], arguments[2]});
  }

  private static void use(File path) throws IOException {
    int pid = NativeLibrary.getInstance("c").getFunction("getpid").invokeInt(new Object[0]);
    if (pid != ProcessHandle.current().pid() || Native.class.getClassLoader() == null) {
      throw new IOException("getpid says " + pid);
    }
    AFUNIXSocketAddress address = AFUNIXSocketAddress.of(path);
    try (AFUNIXServerSocket server = AFUNIXServerSocket.bindOn(address);
        AFUNIXSocket client = AFUNIXSocket.connectTo(address);
        AFUNIXSocket accepted = server.accept()) {
      client.getOutputStream().write(1);
      if (accepted.getInputStream().read() != 1) {
        throw new IOException("not what was written");
      }
    }
    Files.deleteIfExists(path.toPath());
  }
}
