package dev.holdfast.agent.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixListener;
import dev.holdfast.fd.UnixSocket;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/**
 * Walks the way of {@code exec} up to its last step, against a broker of its own, and ends
 * normally: the launcher has the JVM archive the classes that were loaded, which makes every later
 * start faster. A process that became another program would leave no archive.
 */
final class Training {

  /** The word that the launcher says; no verb, so help does not list it. */
  static final String WORD = "__train";

  private static final String ACQUIRED =
      "{\"parameters\":{\"lease\":\"1\",\"sockets\":[{\"listener\":\"web\",\"endpoint\":\"tcp:"
          + "127.0.0.1:1\",\"kind\":\"stream\",\"fileDescriptorIndex\":0}],\"remaining\":false,"
          + "\"notifySocket\":\"@notify\"}}\0";

  private Training() {}

  /** Makes its broker at an abstract address of its own, which leaves nothing behind. */
  static ExitCode run(Surroundings surroundings) throws IOException {
    String address = "@holdfast-exec-training-" + Limits.processId() + "-" + System.nanoTime();
    UnixListener listener = UnixListener.bind(UnixAddress.parse(address), 1);
    Thread broker = new Thread(() -> serve(listener), "training-broker");
    broker.setDaemon(true);
    broker.start();
    // What the users' brokers have, and this one has not.
    UnixAddress unused = UnixAddress.parse("/run/holdfast/holdfast.sock");
    PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream(), false, UTF_8);
    return Main.run(
        new String[] {
          "exec", "--dry-run", "--socket", address, "--env", "NGINX", "web", "--", "sh", "{fd:web}"
        },
        new Surroundings(nowhere, surroundings.err(), surroundings.environment()));
  }

  private static void serve(UnixListener listener) {
    try (Poller poller = Poller.open()) {
      poller.add(listener.fd(), Poller.READABLE, "listener");
      Optional<UnixSocket> connection = Optional.empty();
      while (connection.isEmpty()) {
        poller.await(null);
        connection = listener.accept();
      }
      try (UnixSocket socket = connection.get();
          OwnedFd listening = Sockets.openUnix(Sockets.Kind.STREAM)) {
        answer(socket, ACQUIRED, List.of(listening));
        answer(socket, "{}\0", List.of());
      }
    } catch (IOException e) {
      System.getLogger(Training.class.getName())
          .log(System.Logger.Level.WARNING, "the broker of the training stopped", e);
    }
  }

  /** Reads one call, up to its NUL, and answers it. */
  private static void answer(UnixSocket socket, String reply, List<OwnedFd> borrowed)
      throws IOException {
    ByteBuffer call = ByteBuffer.allocate(4096);
    while (call.position() == 0 || call.get(call.position() - 1) != 0) {
      boolean unused = socket.awaitReadable(null);
      if (socket.receive(call, OwnedFd::close) < 0) {
        return;
      }
    }
    ByteBuffer bytes = ByteBuffer.wrap(reply.getBytes(UTF_8));
    List<OwnedFd> toSend = borrowed;
    while (bytes.hasRemaining()) {
      if (socket.send(bytes, toSend) > 0) {
        toSend = List.of();
      }
    }
  }
}
