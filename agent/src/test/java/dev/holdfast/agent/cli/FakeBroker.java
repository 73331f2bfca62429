package dev.holdfast.agent.cli;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.fd.UnixListener;
import dev.holdfast.fd.UnixSocket;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.FrameReader;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.Reply;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** Answers each method with what a test told it to; one connection after the other. */
final class FakeBroker implements AutoCloseable {

  /**
   * The replies to one call; each but the last continues. Descriptors go with the last one.
   *
   * @param end comes behind the replies, which all continue then
   */
  record Answers(
      List<JsonObject> replies, List<OwnedFd> descriptors, @Nullable VarlinkException end) {
    Answers(List<JsonObject> replies, List<OwnedFd> descriptors) {
      this(replies, descriptors, null);
    }
  }

  /** What a method does. */
  interface Method {
    Answers call(JsonObject parameters) throws VarlinkException, IOException;
  }

  final List<Call> calls = new CopyOnWriteArrayList<>();
  private final Map<String, Method> methods = new ConcurrentHashMap<>();
  private final String address = "@holdfast-test-" + System.nanoTime();
  private final UnixListener listener;
  private final Thread thread;
  private final Wake wake = new Wake();

  FakeBroker() throws IOException {
    listener = UnixListener.bind(UnixAddress.parse(address), 8);
    thread = new Thread(this::serve, "fake-broker");
    thread.start();
  }

  String address() {
    return address;
  }

  FakeBroker on(String method, Method answer) {
    methods.put(method, answer);
    return this;
  }

  FakeBroker on(String method, JsonObject... replies) {
    return on(method, parameters -> new Answers(Arrays.asList(replies), List.of()));
  }

  /** The parameters of the last call of the method. */
  JsonObject last(String method) {
    for (int i = calls.size() - 1; i >= 0; i--) {
      if (calls.get(i).method().equals(method)) {
        return calls.get(i).parameters();
      }
    }
    throw new AssertionError(method + " was not called, only " + calls);
  }

  private void serve() {
    try {
      while (awaitConnection()) {
        var connection = listener.accept();
        if (connection.isPresent()) {
          try (UnixSocket socket = connection.get()) {
            serve(socket);
          }
        }
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private boolean awaitConnection() throws IOException {
    return !Thread.interrupted() && listener.fd().isOpen() && wake.await(listener.fd());
  }

  private void serve(UnixSocket socket) throws IOException {
    FrameReader frames = new FrameReader(1 << 20);
    List<OwnedFd> received = new ArrayList<>();
    ByteBuffer buffer = ByteBuffer.allocate(8192);
    try {
      while (true) {
        ByteBuffer frame = frames.next();
        if (frame != null) {
          answer(socket, Call.parse(Json.parse(frame, Json.Limits.DEFAULT)));
        } else {
          boolean unused = socket.awaitReadable(Duration.ofSeconds(20));
          if (socket.receive(buffer.clear(), received::add) <= 0) {
            return;
          }
          frames.feed(buffer.flip());
        }
      }
    } finally {
      received.forEach(OwnedFd::close);
    }
  }

  private void answer(UnixSocket socket, Call call) throws IOException {
    calls.add(call);
    Method method = methods.get(call.method());
    try {
      if (method == null) {
        throw VarlinkException.methodNotFound(call.method());
      }
      Answers answers = method.call(call.parameters());
      VarlinkException end = answers.end();
      int last = answers.replies().size() - (end == null ? 1 : 0);
      for (int i = 0; i < last; i++) {
        send(socket, Reply.continued(answers.replies().get(i)), List.of());
      }
      if (end != null) {
        throw end;
      }
      send(socket, Reply.of(answers.replies().get(last)), answers.descriptors());
      answers.descriptors().forEach(OwnedFd::close);
    } catch (VarlinkException e) {
      send(socket, e.toReply(), List.of());
    }
  }

  private static void send(UnixSocket socket, Reply reply, List<OwnedFd> descriptors)
      throws IOException {
    byte[] json = Json.bytes(reply.toJson());
    ByteBuffer bytes = ByteBuffer.wrap(Arrays.copyOf(json, json.length + 1));
    List<OwnedFd> toSend = descriptors;
    while (bytes.hasRemaining()) {
      int sent = socket.send(bytes, toSend);
      toSend = sent > 0 ? List.of() : toSend;
    }
  }

  @Override
  public void close() throws IOException {
    wake.now();
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    listener.close();
    wake.close();
  }
}
