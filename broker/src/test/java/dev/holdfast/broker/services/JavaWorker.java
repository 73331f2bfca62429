package dev.holdfast.broker.services;

import dev.holdfast.agent.Acceptor;
import dev.holdfast.agent.Acquisition;
import dev.holdfast.agent.Drain;
import dev.holdfast.agent.Holdfast;
import dev.holdfast.agent.Lease;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;

/**
 * A worker by the library, as its users write one: ends when it is drained. With an argument it
 * takes the place of that service's older workers; otherwise the broker has started it.
 */
public final class JavaWorker {
  private static final String NAME = "java-" + ProcessHandle.current().pid();
  private static final byte[] ANSWER = answer();

  private JavaWorker() {}

  public static void main(String[] arguments) throws Exception {
    try (Lease lease = lease(arguments)) {
      CompletableFuture<Drain> drained = new CompletableFuture<>();
      lease.onDrain(drained::complete);
      Acceptor acceptor = Acceptor.of(lease, "web", JavaWorker::serve).start();
      lease.ready();
      Drain drain = drained.join();
      acceptor.stop(drain.left(Instant.now()).orElse(Duration.ofSeconds(10)));
    }
    System.exit(0);
  }

  private static Lease lease(String[] arguments) throws IOException {
    if (arguments.length == 0) {
      return Lease.inherited().orElseThrow();
    }
    try (Holdfast holdfast = Holdfast.connect()) {
      return holdfast.acquire(Acquisition.of("web").replacing(arguments[0]));
    }
  }

  private static void serve(SocketChannel connection) {
    try (connection) {
      ByteBuffer asked = ByteBuffer.allocate(4096);
      while (asked.position() < 4 || asked.getInt(asked.position() - 4) != 0x0d0a0d0a) {
        if (connection.read(asked) < 0) {
          return;
        }
      }
      ByteBuffer answer = ByteBuffer.wrap(ANSWER);
      while (answer.hasRemaining()) {
        connection.write(answer);
      }
    } catch (IOException e) {
      // The client went away.
    }
  }

  private static byte[] answer() {
    String body = "worker " + NAME + " pid " + ProcessHandle.current().pid() + "\n";
    String head = "HTTP/1.0 200 OK\r\nX-Worker: " + NAME + "\r\nContent-Length: " + body.length();
    return (head + "\r\n\r\n" + body).getBytes(StandardCharsets.US_ASCII);
  }
}
