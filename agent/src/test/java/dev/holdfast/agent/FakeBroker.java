package dev.holdfast.agent;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixListener;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.FrameReader;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.Reply;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * Says what a broker says to a well-behaved worker, one listener in a reply, so that the worker has
 * to ask again. Knows one lease. One thread; calls, looks, the cookies of what was handed back, and
 * drain are what tests look at.
 */
public final class FakeBroker implements AutoCloseable {

  private static final String WORKER = "dev.holdfast.Worker.";

  private static final class Peer {
    final UnixSocket socket;
    final FrameReader frames = new FrameReader(1 << 16);
    int given;

    Peer(UnixSocket socket) {
      this.socket = socket;
    }
  }

  public final BlockingQueue<Call> calls = new LinkedBlockingQueue<>();
  final BlockingQueue<Call> looks = new LinkedBlockingQueue<>(); // Await without more
  final BlockingQueue<Long> cookies = new LinkedBlockingQueue<>();
  private final String lease;
  private final Set<String> unknown;
  private String cut; // the broker's thread alone, from its start on
  private final BlockingQueue<JsonObject> states = new LinkedBlockingQueue<>();
  private final Map<String, OwnedFd> listeners;
  private final UnixListener control;
  private final Poller poller = Poller.open();
  private final List<Peer> peers = new ArrayList<>();
  private final CompletableFuture<Void> ended;
  private @Nullable Peer awaiting;
  private volatile boolean stopping;

  public FakeBroker(Path path, Map<String, OwnedFd> borrowed) throws IOException {
    this(path, borrowed, "l1", "");
  }

  /**
   * @param lease the one that it knows
   * @param cut a method: it breaks off in the middle of its first reply to it
   * @param unknown methods that it does not have
   */
  FakeBroker(Path path, Map<String, OwnedFd> borrowed, String lease, String cut, String... unknown)
      throws IOException {
    listeners = borrowed;
    this.lease = lease;
    this.cut = cut;
    this.unknown = Set.of(unknown);
    if (Files.exists(path)) { // an earlier one's; kept, so that the new file is another inode
      Files.move(path, Files.createTempDirectory(path.getParent(), "earlier").resolve("s"));
    }
    control = UnixListener.bind(new UnixAddress.Path(path), 8);
    poller.add(control.fd(), Poller.READABLE, control);
    ended = CompletableFuture.runAsync(this::run, task -> new Thread(task, "fake-broker").start());
  }

  /** Tells whoever awaits the lease. */
  public void announce(JsonObject state) {
    states.add(state);
    poller.wake();
  }

  private void run() {
    try {
      while (!stopping) {
        for (Poller.Ready ready : poller.await(null)) {
          if (ready.attachment() instanceof Peer peer) {
            try {
              serve(peer);
            } catch (IOException e) { // EPIPE, ECONNRESET: it went away with a reply under way
              drop(peer);
            }
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
    if (peer.socket.receive(bytes, this::take) < 0) {
      drop(peer);
      return;
    }
    peer.frames.feed(bytes.flip());
    ByteBuffer frame = peer.frames.next();
    if (frame != null) {
      Call call = Call.parse(Json.parse(frame, Json.Limits.DEFAULT));
      answer(peer, call);
      boolean look = call.memberName().equals("Await") && !call.more();
      (look ? looks : calls).add(call);
    }
  }

  private void take(OwnedFd moved) {
    try (moved) {
      cookies.add(Sockets.facts(moved).cookie());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void drop(Peer peer) throws IOException {
    poller.remove(peer.socket.fd());
    peer.socket.close();
    peers.remove(peer);
    awaiting = awaiting == peer ? null : awaiting;
  }

  private void answer(Peer peer, Call call) throws IOException {
    if (call.memberName().equals(cut)) {
      cut = "";
      int unused = peer.socket.send(ByteBuffer.wrap(new byte[] {'{', '"'}), List.of());
      drop(peer);
      return;
    }
    if (unknown.contains(call.memberName())) {
      JsonObject method = JsonObject.of("method", call.method());
      send(peer, Reply.error("org.varlink.service.MethodNotFound", method), List.of());
      return;
    }
    String named = call.parameters().optionalString("lease").orElse(lease);
    if (!named.equals(lease)) {
      send(peer, Reply.error(WORKER + "NoSuchLease", JsonObject.of("lease", named)), List.of());
      return;
    }
    switch (call.memberName()) {
      case "Acquire" -> acquire(peer, call.parameters().strings("listeners"));
      case "Restore" -> {
        List<String> accepted =
            call.parameters().objects("sockets").stream().map(s -> s.string("listener")).toList();
        send(peer, Reply.of(JsonObject.of("accepted", accepted)), List.of());
      }
      case "Await" -> {
        JsonObject state = JsonObject.of("state", "ready");
        send(peer, call.more() ? Reply.continued(state) : Reply.of(state), List.of());
        awaiting = call.more() ? peer : awaiting;
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
            .put("lease", lease)
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
