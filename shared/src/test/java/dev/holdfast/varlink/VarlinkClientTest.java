package dev.holdfast.varlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OpenDescriptors;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.UnixAddress;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The kernel keeps what the service says until the client reads: so no test needs two threads. */
@Timeout(30)
class VarlinkClientTest {
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final String INDEX = "\"fileDescriptorIndex\":";

  @TempDir Path directory;
  private ScriptedService service;
  private VarlinkClient client;
  private OwnedFd file;

  @BeforeEach
  void connect() throws IOException {
    service = new ScriptedService(directory);
    client = service.client();
    file = OwnedFd.openForReading(Files.writeString(directory.resolve("file"), "it").toString());
    // Sending descriptors for the first time opens some for good.
    service.say("{\"parameters\":{" + INDEX + "0}};", file);
    call().close();
    assertThat(service.call()).isEqualTo("{\"method\":\"a.b.C\"}");
  }

  @AfterEach
  void disconnect() {
    service.close();
    file.close();
  }

  private Answer call() throws IOException {
    try {
      return client.call("a.b.C", JsonObject.EMPTY, PATIENCE);
    } catch (VarlinkException e) {
      throw new AssertionError(e);
    }
  }

  private void assertRefusedAndClosed(ThrowingCallable call) {
    assertThatThrownBy(call).isInstanceOf(IOException.class);
    assertThat(client.isOpen()).isFalse();
    assertThatThrownBy(this::call).isInstanceOf(SocketException.class);
  }

  @Test
  void callsAndReturnsTheParametersOfTheReply() throws Exception {
    for (int i = 0; i < 3; i++) {
      service.say("{\"parameters\":{\"y\":" + i + "}};");
      try (Answer answer = client.call("a.b.D", JsonObject.of("x", i), PATIENCE)) {
        assertThat(answer.parameters()).isEqualTo(JsonObject.of("y", i));
        assertThat(answer.descriptors()).isEmpty();
      }
      assertThat(service.call())
          .isEqualTo("{\"method\":\"a.b.D\",\"parameters\":{\"x\":" + i + "}}");
    }
  }

  @Test
  void takesTheDescriptorsThatAReplyDeclares() throws Exception {
    service.say("{\"parameters\":{\"s\":[{" + INDEX + "1},{" + INDEX + "0}]}};", file, file);
    try (Answer answer = call()) {
      assertThat(answer.descriptors()).hasSize(2);
      for (OwnedFd fd : answer.descriptors()) {
        assertThat(Files.readString(Path.of("/proc/self/fd/" + fd.number()))).isEqualTo("it");
      }
    }
  }

  @Test
  void sendsDescriptorsAndKeepsThem() throws Exception {
    service.say("{};");
    client.call("a.b.C", JsonObject.of("fileDescriptorIndex", 0), List.of(file), PATIENCE).close();
    assertThat(service.call()).contains(INDEX + "0");
    assertThat(service.received()).hasSize(1);
    assertThat(file.isOpen()).isTrue();
  }

  @Test
  void sendsNoDescriptorsOtherThanDeclared() {
    assertThatThrownBy(() -> client.call("a.b.C", JsonObject.EMPTY, List.of(file), PATIENCE))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @CsvSource({
    "'{\"parameters\":{\"fileDescriptorIndex\":0}};', 0",
    "'{\"parameters\":{\"fileDescriptorIndex\":0}};', 2",
    "'{\"parameters\":{\"fileDescriptorIndex\":1}};', 2",
    "'{\"parameters\":{\"fileDescriptorIndex\":1}};', 1",
    "'{};', 1",
    "'{\"error\":\"a.b.E\"};', 1",
    "'{\"error\":\"a.b.E\",\"parameters\":{\"fileDescriptorIndex\":0}};', 1",
    "'{\"parameters\":{\"fileDescriptorIndex\":0},\"continues\":true};', 1",
    "'{\"par', 1",
    "'{};{};', 0",
    "'{};x', 0",
    "'{\"continues\":true};', 0",
    "'{\"unknown\":1};', 0",
    "'[];', 0",
    "';', 0"
  })
  void closesTheConnectionAndAllDescriptorsWhenTheServiceBreaksARule(String said, int descriptors)
      throws IOException {
    OpenDescriptors open = OpenDescriptors.now();
    OwnedFd[] files = new OwnedFd[descriptors];
    Arrays.fill(files, file);
    service.say(said, files);
    if (!said.endsWith(";")) {
      service.hangUp();
    }
    assertRefusedAndClosed(this::call);
    service.close();
    // The listener, and both ends of the connection.
    open.assertChangedBy(-3);
  }

  @Test
  void anErrorOfTheServiceLeavesTheConnectionUsable() throws IOException {
    service.say("{\"error\":\"a.b.NoSuchThing\",\"parameters\":{\"name\":\"x\"}};");
    assertThatThrownBy(() -> client.call("a.b.C", JsonObject.EMPTY, PATIENCE))
        .isInstanceOfSatisfying(
            VarlinkException.class,
            e -> {
              assertThat(e.error()).isEqualTo("a.b.NoSuchThing");
              assertThat(e.parameters()).isEqualTo(JsonObject.of("name", "x"));
            })
        .hasMessage("a.b.NoSuchThing {\"name\":\"x\"}");
    service.say("{};");
    call().close();
  }

  @Test
  void aReplyThatIsLateClosesTheConnection() throws IOException {
    service.say("{\"parameters\":");
    assertRefusedAndClosed(
        () -> {
          try {
            client.call("a.b.C", JsonObject.EMPTY, Duration.ofMillis(1));
          } catch (SocketTimeoutException e) {
            assertThat(e).hasMessage("call a.b.C: no reply within PT0.001S");
            throw e;
          }
        });
  }

  @Test
  void theEndOfTheConnectionIsNoReply() {
    service.hangUp();
    assertThatThrownBy(this::call).isInstanceOfAny(EOFException.class, ErrnoException.class);
    assertThat(client.isOpen()).isFalse();
  }

  @Test
  void takesAReplyAsLargeAsAFrameMayBe() throws Exception {
    String large = "x".repeat(VarlinkClient.FRAME_LIMIT - 25);
    CompletableFuture<Void> saying = saying("{\"parameters\":{\"x\":\"" + large + "\"}};");
    assertThat(call().parameters().string("x")).hasSize(large.length());
    saying.get();
  }

  private CompletableFuture<Void> saying(String text) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            service.say(text);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  @Test
  void aOnewayCallHasNoReply() throws Exception {
    client.oneway("a.b.C", JsonObject.EMPTY, PATIENCE);
    assertThat(service.call()).isEqualTo("{\"method\":\"a.b.C\",\"oneway\":true}");
    service.say("{};");
    call().close();
  }

  @Test
  void streamsRepliesUntilTheLast() throws Exception {
    ReplyStream stream = client.stream("a.b.C", JsonObject.EMPTY);
    assertThat(service.call()).isEqualTo("{\"method\":\"a.b.C\",\"more\":true}");
    assertThat(stream.next(Duration.ZERO)).isEmpty();
    service.say("{\"parameters\":{\"n\":1},\"continues\":true};{\"parameters\":{\"n\":2},\"conti");
    assertThat(stream.next(PATIENCE)).contains(JsonObject.of("n", 1));
    assertThat(stream.next(Duration.ofMillis(1))).isEmpty();
    assertThat(stream.ended()).isFalse();
    assertThatThrownBy(this::call).isInstanceOf(IllegalStateException.class);
    service.say("nues\":true};{\"parameters\":{\"n\":3}};");
    assertThat(stream.next(null)).contains(JsonObject.of("n", 2));
    assertThat(stream.next(null)).contains(JsonObject.of("n", 3));
    assertThat(stream.ended()).isTrue();
    assertThat(stream.next(null)).isEmpty();
    stream.close();
    service.say("{};");
    call().close();
  }

  @Test
  void aStreamMayEndWithAnError() throws Exception {
    ReplyStream stream = client.stream("a.b.C", JsonObject.EMPTY);
    service.say("{\"error\":\"a.b.E\"};");
    assertThatThrownBy(() -> stream.next(PATIENCE)).isInstanceOf(VarlinkException.class);
    assertThat(stream.ended()).isTrue();
    service.say("{};");
    call().close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"continues\":true};",
        "{};",
        "{",
        "{\"parameters\":{\"fileDescriptorIndex\":0},\"continues\":true};",
        "{\"parameters\":{\"fileDescriptorIndex\":0}};"
      })
  void aStreamWithDescriptorsIsRefused(String said) throws IOException {
    OpenDescriptors open = OpenDescriptors.now();
    ReplyStream stream = client.stream("a.b.C", JsonObject.EMPTY);
    service.say(said, file);
    assertThatThrownBy(() -> stream.next(Duration.ofMillis(1)))
        .isInstanceOf(ProtocolException.class);
    assertThat(client.isOpen()).isFalse();
    open.assertChangedBy(-1);
  }

  @Test
  void closingAStreamThatGoesOnClosesTheConnection() throws IOException {
    client.stream("a.b.C", JsonObject.EMPTY).close();
    assertThat(client.isOpen()).isFalse();
    service.call();
    assertThat(service.call()).isEqualTo("end");
  }

  @RepeatedTest(20)
  void closeWakesTheThreadThatWaits() throws Exception {
    ReplyStream stream = client.stream("a.b.C", JsonObject.EMPTY);
    CompletableFuture<Optional<JsonObject>> waiting = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                waiting.complete(stream.next(null));
              } catch (IOException | VarlinkException | RuntimeException e) {
                waiting.completeExceptionally(e);
              }
            });
    OpenDescriptors open = OpenDescriptors.now();
    thread.start();
    client.close();
    assertThatThrownBy(waiting::get)
        .isInstanceOf(ExecutionException.class)
        .hasCauseInstanceOf(SocketException.class);
    thread.join();
    client.close();
    open.assertChangedBy(-1);
  }

  @Test
  void describesAnInterfaceOfTheService() throws Exception {
    String text = InterfaceDescription.loadResource("org.varlink.service").text();
    String reply = Reply.of(JsonObject.of("description", text)).toJson().toString();
    service.say(reply.replace(";", "\\u003b") + ";");
    InterfaceDescription description = client.describe("org.varlink.service", PATIENCE);
    assertThat(description.methods()).containsKey("GetInfo");
    assertThat(service.call()).contains("\"interface\":\"org.varlink.service\"");
  }

  @Test
  void connectingWhereNobodyListensSaysSo() {
    UnixAddress address = UnixAddress.parse(directory.resolve("nobody").toString());
    assertThatThrownBy(() -> VarlinkClient.connect(address))
        .hasMessageContaining("ENOENT")
        .hasMessageContaining("nobody");
  }
}
