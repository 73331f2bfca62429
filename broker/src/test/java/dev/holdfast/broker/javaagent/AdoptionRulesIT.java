package dev.holdfast.broker.javaagent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.services.Client;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.ProgramProcess;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which binds become a listener of the broker's, and which stay what they were. */
@Timeout(180)
class AdoptionRulesIT {
  private static final String HOST = "127.0.0.1";
  private static final String ANY = "0.0.0.0";

  @RegisterExtension final Stage stage = new Stage();

  private int port;

  private void start(String host, String... lines) throws Exception {
    port = ListeningSocket.freePort();
    String[] all = new String[lines.length + 1];
    all[0] = "listen = \"" + host + ":" + port + "\"";
    System.arraycopy(lines, 0, all, 1, lines.length);
    stage.file().listener("web", all);
    stage.start();
  }

  private ProgramProcess exec(String agentOptions, Object... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(List.of(Checkout.command().toString(), "exec", "web", "--"));
    command.addAll(Adopting.of(Binder.class, arguments).agent(agentOptions).command());
    return stage.program("binder", command.toArray(String[]::new));
  }

  /** What it says of its bind. */
  private static String said(ProgramProcess binder) {
    Await.until(
        () -> "a bind by " + binder.written(),
        () -> !binder.outLines().isEmpty() || !binder.isAlive());
    if (!binder.isAlive()) {
      assertThat(binder.awaitEnd()).as(binder.written()).isEqualTo(3);
    }
    assertThat(binder.written()).doesNotContain("\tat ");
    return binder.outLines().get(0);
  }

  // ---- addresses

  @ParameterizedTest
  @CsvSource({"channel, 0.0.0.0", "socket, ::", "selector, ::1"})
  void aServerOnAllInterfacesTakesTheListenerOnOne(String kind, String host) throws Exception {
    start(host.equals("::1") ? "[::1]" : HOST);
    ProgramProcess binder = exec("", kind, host.equals("::1") ? "::" : host, port);
    assertThat(said(binder)).startsWith("bound ").contains(":" + port).doesNotContain("0.0.0.0");
    if (!host.equals("::1")) {
      assertThat(Client.pid(port)).isEqualTo(binder.pid());
    }
    assertThat(binder.errLines()).isEmpty();
  }

  @Test
  void aServerOnOneInterfaceIsNotOpenedToAll() throws Exception {
    start(ANY);
    ProgramProcess optional = exec("", "socket", HOST, port);
    assertThat(said(optional)).isEqualTo("failed java.net.BindException: Address already in use");
    assertThat(optional.errLines())
        .singleElement()
        .asString()
        .startsWith("holdfast-agent: bind 127.0.0.1:" + port + " without the broker: listener web")
        .endsWith(port + "=web");
    ProgramProcess required = exec("required", "channel", HOST, port);
    assertThat(said(required))
        .startsWith("failed java.net.BindException: bind 127.0.0.1:" + port + " as the broker's")
        .endsWith(port + "=web");
    assertThat(required.errLines()).isEmpty();
    ProgramProcess named = exec(port + "=web", "selector", HOST, port);
    assertThat(said(named)).startsWith("bound ");
    assertThat(Client.pid(port)).isEqualTo(named.pid());
  }

  @Test
  void anotherPortBecomesTheListenerThatIsNamedForIt() throws Exception {
    start(HOST);
    int other = ListeningSocket.freePort();
    ProgramProcess binder = exec(other + "=web", "socket", HOST, other);
    assertThat(said(binder)).isEqualTo("bound /127.0.0.1:" + port);
    assertThat(Client.pid(port)).isEqualTo(binder.pid());
    assertThat(ListeningSocket.inode(other)).isEmpty();
  }

  @Test
  void aListenerThatIsNotThereIsNamedAndTheServerDoesNotStart() throws Exception {
    start(HOST);
    int other = ListeningSocket.freePort();
    ProgramProcess binder = exec(other + "=shop", "channel", HOST, other);
    assertThat(said(binder))
        .startsWith("failed java.net.BindException: bind 127.0.0.1:" + other)
        .contains("no tcp listener shop")
        .contains("only web tcp:127.0.0.1:" + port);
    ProgramProcess optional = exec(other + "=shop,optional", "channel", HOST, other);
    assertThat(said(optional)).isEqualTo("bound /127.0.0.1:" + other);
    assertThat(optional.errLines()).singleElement().asString().contains("no tcp listener shop");
  }

  @Test
  void whatDoesNotServeIsNotAdopted() throws Exception {
    start(HOST);
    int other = ListeningSocket.freePort();
    ProgramProcess client = exec(other + "=web", "client", HOST, other);
    assertThat(client.awaitEnd()).as(client.written()).isZero();
    assertThat(client.outLines()).containsExactly("bound /127.0.0.1:" + other, "read -1");
    assertThat(client.errLines()).isEmpty();
  }

  /** Else a build or a test that a server starts would take connections from it. */
  @Test
  void aChildWithTheSameEnvironmentDoesNotAdopt() throws Exception {
    start(HOST);
    List<String> child = Adopting.of(Binder.class, "socket", HOST, port).command();
    String option = child.stream().filter(each -> each.startsWith("-javaagent")).findFirst().get();
    List<String> parent = Adopting.of(Parent.class).command();
    parent.remove(option);
    child.remove(option);
    parent.addAll(child);
    parent.addAll(0, List.of("/usr/bin/env", "JAVA_TOOL_OPTIONS=" + option));
    ProgramProcess program = stage.workers("web").exec("parent", parent.toArray(String[]::new));
    assertThat(program.awaitEnd()).as(program.written()).isEqualTo(3);
    assertThat(program.outLines())
        .containsExactly("failed java.net.BindException: Address already in use");
    assertThat(program.errLines()).allMatch(each -> each.startsWith("Picked up JAVA_TOOL_OPTIONS"));
  }

  // ---- without what it needs

  @Test
  void withoutABrokerAServerBindsItsOwnPortAndSaysSoOnce() throws Exception {
    start(HOST);
    int other = ListeningSocket.freePort();
    Map<String, String> nowhere = Map.of("HOLDFAST_SOCKET", stage.directory() + "/nowhere.sock");
    ProgramProcess optional =
        stage.keep(
            ProgramProcess.start(
                "optional", Adopting.of(Binder.class, "socket", HOST, other).command(), nowhere));
    assertThat(said(optional)).isEqualTo("bound /127.0.0.1:" + other);
    assertThat(optional.errLines())
        .singleElement()
        .asString()
        .startsWith("holdfast-agent: bind 127.0.0.1:" + other + " without the broker: ")
        .contains("nowhere.sock");
    ProgramProcess required =
        stage.keep(
            ProgramProcess.start(
                "required",
                Adopting.of(Binder.class, "socket", HOST, other).agent("required").command(),
                nowhere));
    assertThat(said(required))
        .startsWith("failed java.net.BindException: bind 127.0.0.1:" + other + " as the broker's")
        .contains("nowhere.sock");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"8080", "0=web", "99999=web", "drain=never", "quiet=soon", "replace", "=web", ","})
  void optionsThatMakeNoSenseEndTheJvmWithALine(String options) throws Exception {
    ProgramProcess program =
        stage.keep(
            ProgramProcess.start(
                options,
                Adopting.of(Binder.class, "socket", HOST, 1).agent(options).command(),
                Map.of()));
    assertThat(program.awaitEnd()).isEqualTo(64);
    assertThat(program.outLines()).isEmpty();
    assertThat(program.errLines()).singleElement().asString().startsWith("holdfast-agent: option ");
  }

  // ---- other kinds of sockets

  @ParameterizedTest
  @ValueSource(strings = {"datagrams", "datagrams4", "datagram-socket"})
  void datagramsAreAnsweredFromTheListener(String kind) throws Exception {
    int udp = ListeningSocket.freePort();
    stage.file().listener("web", "listen = \"udp:" + HOST + ":" + udp + "\"");
    stage.start();
    ProgramProcess binder = exec("", kind, HOST, udp);
    assertThat(said(binder)).isEqualTo("bound /127.0.0.1:" + udp);
    try (DatagramSocket client = new DatagramSocket(0, InetAddress.getByName(HOST))) {
      client.setSoTimeout(10_000);
      for (String word : List.of("one", "two")) {
        byte[] bytes = word.getBytes(StandardCharsets.US_ASCII);
        client.send(new DatagramPacket(bytes, bytes.length, InetAddress.getByName(HOST), udp));
        DatagramPacket answer = new DatagramPacket(new byte[100], 100);
        client.receive(answer);
        assertThat(new String(answer.getData(), 0, answer.getLength(), StandardCharsets.US_ASCII))
            .as(binder.written())
            .isEqualTo(word);
        assertThat(answer.getPort()).isEqualTo(udp);
      }
    }
    if (!kind.equals("datagram-socket")) {
      Await.until(binder::written, () -> binder.outLines().size() > 1);
      assertThat(binder.outLines().get(1)).startsWith("not connected: ").contains("shared");
    }
    assertThat(binder.isAlive()).as(binder.written()).isTrue();
  }

  @Test
  void aUnixListenerIsAdoptedByItsPath() throws Exception {
    Path path = stage.directory().resolve("web.sock");
    stage.file().listener("web", "listen = \"unix:" + path + "\"");
    stage.start();
    ProgramProcess binder = exec("", "unix", path);
    assertThat(said(binder)).isEqualTo("bound " + path);
    try (SocketChannel client = SocketChannel.open(java.net.UnixDomainSocketAddress.of(path))) {
      assertThat(client.write(ByteBuffer.wrap(new byte[1]))).isEqualTo(1);
      ByteBuffer answer = ByteBuffer.allocate(1000);
      while (client.read(answer) >= 0) {
        assertThat(answer.hasRemaining()).isTrue();
      }
      assertThat(new String(answer.array(), 0, answer.position(), StandardCharsets.US_ASCII))
          .contains("pid " + binder.pid());
    }
    binder.signal(ProgramProcess.SIGTERM);
    binder.awaitExit();
    assertThat(path).as("the path, after the program's end").exists();
  }

  @Test
  void aBlockingListenerIsForServersThatWaitForOneSocket() throws Exception {
    start(HOST, "blocking = true");
    ProgramProcess selector = exec("", "selector", HOST, port);
    assertThat(said(selector))
        .contains("listener web is a blocking one")
        .contains("without blocking");
    ProgramProcess socket = exec("", "socket", HOST, port);
    assertThat(said(socket)).isEqualTo("bound /127.0.0.1:" + port);
    assertThat(Client.pid(port)).isEqualTo(socket.pid());
  }
}
