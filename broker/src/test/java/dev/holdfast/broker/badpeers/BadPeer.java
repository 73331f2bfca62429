package dev.holdfast.broker.badpeers;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.varlink.FrameReader;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A connection over which anything can be said. */
final class BadPeer implements AutoCloseable {

  /** How long a broker that is busy with other tests may take; not a measure of speed. */
  static final Duration PATIENCE = Duration.ofSeconds(20);

  private final UnixSocket socket;
  private final FrameReader frames = new FrameReader(1 << 20);
  private final ByteBuffer room = ByteBuffer.allocate(64 << 10);
  private int received;

  private BadPeer(UnixSocket socket) {
    this.socket = socket;
  }

  static BadPeer connect(Path path) throws IOException {
    UnixSocket socket = UnixSocket.connect(new UnixAddress.Path(path));
    socket.setNonBlocking(true);
    return new BadPeer(socket);
  }

  static byte[] frame(String json) {
    byte[] text = json.getBytes(UTF_8);
    byte[] frame = new byte[text.length + 1];
    System.arraycopy(text, 0, frame, 0, text.length);
    return frame;
  }

  /** A call as a well-behaved peer writes it. */
  static byte[] call(String method, String parameters) {
    return frame("{\"method\":\"" + method + "\",\"parameters\":" + parameters + "}");
  }

  BadPeer say(String json) throws IOException {
    return send(frame(json));
  }

  BadPeer send(byte[] bytes) throws IOException {
    return send(bytes, List.of());
  }

  /** All of it, unless the broker has dropped us meanwhile. */
  BadPeer send(byte[] bytes, List<OwnedFd> borrowed) throws IOException {
    ByteBuffer rest = ByteBuffer.wrap(bytes);
    List<OwnedFd> descriptors = borrowed;
    while (rest.hasRemaining()) {
      try {
        if (socket.send(rest, descriptors) > 0) {
          descriptors = List.of();
        } else if (!socket.awaitWritable(PATIENCE)) {
          throw new AssertionError("the broker neither reads nor drops");
        }
      } catch (IOException e) {
        if (!isGone(e)) {
          throw e;
        }
        break;
      }
    }
    return this;
  }

  /** As much as the socket takes now; false when it takes nothing more. */
  boolean sendSome(byte[] bytes) throws IOException {
    return socket.send(ByteBuffer.wrap(bytes), List.of()) > 0;
  }

  private static boolean isGone(IOException e) {
    String message = String.valueOf(e.getMessage());
    return message.contains("EPIPE")
        || message.contains("ECONNRESET")
        || message.contains("Broken pipe")
        || message.contains("Connection reset");
  }

  /** The next frame; empty when the broker has closed the connection. */
  Optional<JsonObject> reply() throws IOException {
    while (true) {
      ByteBuffer frame = frames.next();
      if (frame != null) {
        return Optional.of(Json.parse(frame, Json.Limits.DEFAULT));
      }
      assertThat(socket.awaitReadable(PATIENCE)).as("an answer, or the end").isTrue();
      try {
        if (socket.receive(room.clear(), this::received) < 0) {
          return Optional.empty();
        }
      } catch (IOException e) {
        if (isGone(e)) {
          return Optional.empty();
        }
        throw e;
      }
      frames.feed(room.flip());
    }
  }

  private void received(OwnedFd moved) {
    received++;
    moved.close();
  }

  /** How many descriptors came. */
  int descriptorsReceived() {
    return received;
  }

  String error() throws IOException {
    return reply().map(reply -> reply.optionalString("error").orElse("no error")).orElse("dropped");
  }

  void expectDropped(String why) throws IOException {
    List<JsonObject> said = new ArrayList<>();
    Optional<JsonObject> next = reply();
    while (next.isPresent()) {
      said.add(next.get());
      next = reply();
    }
    assertThat(said.toString()).as("said before it dropped: %s", why).isEqualTo("[]");
  }

  /** Waits for the end a moment, to pace what is sent; true when it has come, or anything else. */
  boolean hears(Duration atMost) {
    return socket.awaitReadable(atMost);
  }

  /** Reads what there is, and no more. */
  int readSome(int most) throws IOException {
    return socket.receive(ByteBuffer.allocate(most), this::received);
  }

  void expectWorks() throws IOException {
    say("{\"method\":\"org.varlink.service.GetInfo\"}");
    assertThat(reply()).as("GetInfo on the same connection").isPresent();
  }

  UnixSocket socket() {
    return socket;
  }

  @Override
  public void close() {
    socket.close();
  }
}
