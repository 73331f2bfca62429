package dev.holdfast.broker.survive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.fd.Limits;
import dev.holdfast.fd.Sockets;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class RunningServerTest {

  private static final String TCP =
      """
      def tcp(host, port=0):
        x = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
        x.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if ':' in host: x.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        x.bind((host, port)); x.listen(17); return x
      """;

  @TempDir Path directory;

  private static RunningServer.Server look(int pid) throws AdoptException {
    return RunningServer.look(pid, OptionalInt.empty(), Optional.empty());
  }

  @Test
  void takesTheOneListenerOfAServer() throws Exception {
    String script =
        TCP
            + """
            a = tcp('127.0.0.1'); b = os.dup(a.fileno()); a.setblocking(False)
            c = socket.create_connection(a.getsockname()); d = a.accept()
            say(a.getsockname()[1], os.fstat(b).st_ino)
            """;
    try (Holder program = Holder.alone(script)) {
      String[] said = program.line().split(" ", -1);
      program.ready();
      try (RunningServer.Server server = look(program.pid())) {
        assertThat(server.facts().address()).isEqualTo("tcp:127.0.0.1:" + said[0]);
        assertThat(server.inode()).isEqualTo(Long.parseLong(said[1]));
        assertThat(Sockets.inode(server.socket())).isEqualTo(server.inode());
        assertThat(server.nonBlocking()).isTrue();
        assertThat(server.backlog()).isEqualTo(17);
        assertThat(server.uid()).isEqualTo(Limits.effectiveUid());
        assertThat(server.pidfd().pid()).isEqualTo(program.pid());
      }
    }
  }

  @Test
  void choosesByPortAndEndpointAndListsWhatThereIs() throws Exception {
    Path path = directory.resolve("s");
    String script =
        TCP
            + "a = tcp('127.0.0.1'); p = a.getsockname()[1]; b = tcp('::1', p)\n"
            + "u = socket.socket(socket.AF_UNIX); u.bind('"
            + path
            + "'); u.listen(5)\n"
            + "say(p)";
    try (Holder program = Holder.alone(script)) {
      int port = Integer.parseInt(program.line());
      program.ready();
      int pid = program.pid();
      assertThatThrownBy(() -> look(pid))
          .isInstanceOf(AdoptException.class)
          .hasMessageContaining("tcp:127.0.0.1:" + port + " (descriptor 3)")
          .hasMessageContaining("tcp:[::1]:" + port)
          .hasMessageContaining("unix:" + path)
          .hasMessageEndingWith("say which with --port or --endpoint");
      assertThatThrownBy(() -> RunningServer.look(pid, OptionalInt.of(port), Optional.empty()))
          .hasMessageEndingWith("say which with --endpoint");
      assertThatThrownBy(() -> RunningServer.look(pid, OptionalInt.of(1), Optional.empty()))
          .hasMessageContaining("does not listen on port 1 but on tcp:127.0.0.1:" + port);
      assertThatThrownBy(() -> RunningServer.look(pid, OptionalInt.empty(), Optional.of("x:1")))
          .isInstanceOf(AdoptException.class);
      for (String endpoint : new String[] {"unix:" + path, "" + path, "[::1]:" + port}) {
        try (RunningServer.Server server =
            RunningServer.look(pid, OptionalInt.empty(), Optional.of(endpoint))) {
          assertThat(server.facts().address()).endsWith(endpoint);
        }
      }
    }
  }

  @Test
  void refusesSocketsThatShareAnAddress() throws Exception {
    String script = TCP + "a = tcp('127.0.0.1'); b = tcp('127.0.0.1', a.getsockname()[1])";
    try (Holder program = Holder.alone(script).ready()) {
      assertThatThrownBy(() -> look(program.pid())).hasMessageContaining("SO_REUSEPORT");
    }
  }

  @Test
  void saysThatThereIsNoneAndNoSuchProcess() throws Exception {
    try (Holder program = Holder.alone("").ready()) {
      assertThatThrownBy(() -> look(program.pid()))
          .hasMessageContaining("(python3) has no listening TCP or Unix stream socket");
    }
    assertThatThrownBy(() -> look(Integer.MAX_VALUE)).hasMessageContaining("no process with pid");
    assertThatThrownBy(() -> look(Limits.processId())).hasMessageContaining("this broker itself");
  }

  @Test
  void namesTheHoldersOfAnEndpoint() throws IOException {
    String script = TCP + "a = tcp('127.0.0.1'); say(a.getsockname()[1])";
    try (Holder program = Holder.alone(script)) {
      String port = program.line();
      program.ready();
      String who = "pid " + program.pid() + " (python3)";
      assertThat(SocketHolders.ofEndpoint("tcp:127.0.0.1:" + port)).hasValue(who);
      assertThat(SocketHolders.ofEndpoint("tcp:0.0.0.0:" + port)).hasValue(who);
      assertThat(SocketHolders.ofEndpoint("tcp:[::]:" + port)).hasValue(who);
      assertThat(SocketHolders.ofEndpoint("tcp:127.0.0.2:" + port)).isEmpty();
      assertThat(SocketHolders.ofEndpoint("udp:127.0.0.1:" + port)).isEmpty();
      assertThat(SocketHolders.ofEndpoint("what:ever")).isEmpty();
      assertThat(SocketHolders.describe(1)).isEmpty();
    }
    Path path = directory.resolve("s");
    String unix = "u = socket.socket(socket.AF_UNIX); u.bind('" + path + "'); u.listen(5)";
    try (Holder program = Holder.alone(unix).ready()) {
      assertThat(SocketHolders.ofEndpoint("unix:" + path))
          .hasValue("pid " + program.pid() + " (python3)");
    }
  }
}
