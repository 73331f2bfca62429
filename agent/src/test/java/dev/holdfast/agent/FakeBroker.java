package dev.holdfast.agent;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixListener;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.FrameReader;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.Reply;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * Says what a broker says to a well-behaved worker, one listener in a reply, so that the worker has
 * to ask again. One thread; calls and drain are what tests look at.
 */
final class FakeBroker implements AutoCloseable {

  private static final String WORKER = "dev.holdfast.Worker.";

  private static final class Peer {
    final UnixSocket socket;
    final FrameReader frames = new FrameReader(1 << 16);
    int given;

    Peer(UnixSocket socket) {
      this.socket = socket;
    }
  }

  final BlockingQueue<Call> calls = new LinkedBlockingQueue<>();
  private final BlockingQueue<JsonObject> states = new LinkedBlockingQueue<>();
  private final Map<String, OwnedFd> listeners;
  private final UnixListener control;
  private final Poller poller = Poller.open();
  private final List<Peer> peers = new ArrayList<>();
  private final CompletableFuture<Void> ended;
  private @Nullable Peer awaiting;
  private volatile boolean stopping;

  FakeBroker(Path path, Map<String, OwnedFd> borrowed) throws IOException {
    listeners = borrowed;
    control = UnixListener.bind(new UnixAddress.Path(path), 8);
    poller.add(control.fd(), Poller.READABLE, control);
    ended = CompletableFuture.runAsync(this::run, task -> new Thread(task, "fake-broker").start());
  }

  /** Tells whoever awaits the lease. */
  void announce(JsonObject state) {
    states.add(state);
    poller.wake();
  }

  private void run() {
    try {
      while (!stopping) {
        for (Poller.Ready ready : poller.await(null)) {
          if (ready.attachment() instanceof Peer peer) {
            serve(peer);
          } else {
            Peer peer = new Peer(control.accept().orElseThrow());
            peers.add(peer);
            poller.add(peer.socket.fd(), Poller.READABLE, peer);
          }
        }
        while (awaiting != null && !states.isEmpty()) {
          send(awaiting, Reply.continued(states.remove()), List.of());
        }
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    } finally {
      peers.forEach(peer -> peer.socket.close());
      control.close();
      poller.close();
    }
  }

  private void serve(Peer peer) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(4096);
    if (peer.socket.receive(bytes, OwnedFd::close) < 0) {
      poller.remove(peer.socket.fd());
      peer.socket.close();
      peers.remove(peer);
      awaiting = awaiting == peer ? null : awaiting;
      return;
    }
    peer.frames.feed(bytes.flip());
    ByteBuffer frame = peer.frames.next();
    if (frame != null) {
      Call call = Call.parse(Json.parse(frame, Json.Limits.DEFAULT));
      answer(peer, call);
      calls.add(call);
    }
  }

  private void answer(Peer peer, Call call) throws IOException {
    switch (call.memberName()) {
      case "Acquire" -> acquire(peer, call.parameters().strings("listeners"));
      case "Await" -> {
        send(peer, Reply.continued(JsonObject.of("state", "ready")), List.of());
        awaiting = peer;
      }
      default -> send(peer, Reply.of(JsonObject.EMPTY), List.of());
    }
  }

  private void acquire(Peer peer, List<String> names) throws IOException {
    String name = names.get(peer.given);
    OwnedFd listener = listeners.get(name);
    if (listener == null) {
      JsonObject parameters = JsonObject.of("name", name);
      send(peer, Reply.error(WORKER + "NoSuchListener", parameters), List.of());
      return;
    }
    peer.given++;
    JsonObject socket =
        JsonObject.builder()
            .put("listener", name)
            .put("endpoint", "tcp:127.0.0.1:1")
            .put("kind", "stream")
            .put("fileDescriptorIndex", 0)
            .build();
    JsonObject parameters =
        JsonObject.builder()
            .put("lease", "l1")
            .put("sockets", List.of(socket))
            .put("remaining", peer.given < names.size())
            .build();
    send(peer, Reply.of(parameters), List.of(listener));
  }

  private static void send(Peer peer, Reply reply, List<OwnedFd> borrowed) throws IOException {
    byte[] text = Json.bytes(reply.toJson());
    ByteBuffer frame = ByteBuffer.allocate(text.length + 1).put(text).put((byte) 0).flip();
    int sent = peer.socket.send(frame, borrowed);
    if (sent != text.length + 1) {
      throw new IOException("a test's small message did not fit: " + sent);
    }
  }

  @Override
  public void close() {
    stopping = true;
    poller.wake();
    ended.join();
  }
}
