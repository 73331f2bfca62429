package dev.holdfast.broker.workers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.holdfast.broker.testing.Await;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.listener.LeaseId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Programs that know nothing of us are seen waiting, or not, rightly. */
@Timeout(60)
class WaitingTest {

  private static final String JAVA = System.getProperty("java.home") + "/bin/java";

  private static Observation observation(Program program, OwnedFd listener) throws IOException {
    return new Observation(new LeaseId("l"), program.pid(), List.of(SocketIdentity.of(listener)));
  }

  private static void awaitSeen(Program program, OwnedFd listener) throws IOException {
    Observation observation = observation(program, listener);
    Await.until(
        () -> "not seen waiting: " + describe(program),
        () -> {
          assertThat(program.isAlive()).isTrue();
          return observation.look() == Observation.Outcome.SEEN;
        });
  }

  /** What the kernel says of it, for the message. */
  private static String describe(Program program) {
    StringBuilder text = new StringBuilder();
    try {
      for (int pid : ProcessTree.of(program.pid())) {
        for (int thread : Proc.numbers("/proc/" + pid + "/task")) {
          text.append(pid)
              .append(' ')
              .append(Proc.text("/proc/" + pid + "/task/" + thread + "/syscall"));
        }
      }
    } catch (IOException e) {
      text.append(e);
    }
    return text.toString();
  }

  private static void assertNotSeen(Program program, OwnedFd listener) throws IOException {
    Observation observation = observation(program, listener);
    for (int i = 0; i < 30; i++) {
      assertThat(observation.look()).isEqualTo(Observation.Outcome.NOT_YET);
    }
  }

  // ---- seen

  @Test
  void seesABlockingAccept() throws Exception {
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, "s.accept()")) {
      awaitSeen(program, listener);
    }
  }

  @Test
  void seesABlockingAcceptOnAUnixSocket() throws Exception {
    try (OwnedFd listener = Listening.unix("@holdfast-test-" + System.nanoTime());
        Program program = Program.python(listener, "s.accept()")) {
      awaitSeen(program, listener);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "s.settimeout(60); s.accept()",
        "select.select([0, s], [], [])",
        "os.dup2(3, 700); select.select([700], [], [], 60)",
        "p = select.poll(); p.register(1, 0); p.register(s, select.POLLIN); p.poll()",
        "import selectors; p = selectors.DefaultSelector(); p.register(s, 1); p.select()",
        "e = select.epoll(); e.register(s, select.EPOLLIN | select.EPOLLEXCLUSIVE); e.poll()",
        "e = select.epoll(); e.register(s, select.EPOLLIN | select.EPOLLET)\n"
            + "f = select.epoll(); f.register(e, select.EPOLLIN); f.poll()",
        """
        import asyncio
        async def main():
          v = await asyncio.start_server(lambda r, w: None, sock=s)
          await v.serve_forever()
        asyncio.run(main())
        """,
        "import threading; threading.Thread(target=lambda: s.settimeout(60) or s.accept()).start()"
            + "\ntime.sleep(60)",
        "os.fork() and time.sleep(60); s.setblocking(True); s.accept()"
      })
  void seesWhatPythonDoes(String script) throws Exception {
    try (OwnedFd listener = Listening.tcp(false);
        Program program = Program.python(listener, script)) {
      awaitSeen(program, listener);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"s.recvfrom(100)", "s.recvmsg(100)", "os.read(3, 100)"})
  void seesWhoReceivesDatagrams(String script) throws Exception {
    try (OwnedFd listener = Listening.udp();
        Program program = Program.python(listener, script)) {
      awaitSeen(program, listener);
    }
  }

  @Test
  void seesNode() throws Exception {
    assumeTrue(Files.exists(Path.of("/usr/bin/node")));
    try (OwnedFd listener = Listening.tcp(false);
        Program program =
            Program.start(
                listener, "node", "-e", "require('http').createServer().listen({fd: 3})")) {
      awaitSeen(program, listener);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"accept", "socket", "selector"})
  void seesAJvm(String how) throws Exception {
    try (OwnedFd listener = Listening.tcp(false);
        Program program = jvm(listener, how)) {
      awaitSeen(program, listener);
    }
  }

  private static Program jvm(OwnedFd listener, String... arguments) throws IOException {
    String classes = Path.of("target", "test-classes").toString();
    String[] command = {JAVA, "-cp", classes, InheritedServer.class.getName()};
    return Program.start(
        listener, Stream.concat(Stream.of(command), Stream.of(arguments)).toArray(String[]::new));
  }

  @Test
  void seesTheWorkersOfGunicorn(@TempDir Path directory) throws Exception {
    assumeTrue(Files.exists(Path.of("/usr/bin/gunicorn")));
    Files.writeString(directory.resolve("app.py"), "def app(environ, start):\n  return []\n");
    try (OwnedFd listener = Listening.tcp(false);
        Program program =
            Program.start(
                listener,
                "/usr/bin/gunicorn",
                "--log-level=warning",
                "--workers=2",
                "--bind=fd://3",
                "--chdir=" + directory,
                "app:app")) {
      awaitSeen(program, listener);
    }
  }

  @Test
  void seesTheWorkersOfNginx(@TempDir Path directory) throws Exception {
    assumeTrue(Files.exists(Path.of("/usr/sbin/nginx")));
    try (OwnedFd listener = Listening.tcp(false)) {
      Path configuration = directory.resolve("nginx.conf");
      Files.writeString(
          configuration,
          "daemon off; error_log stderr error; pid D/pid; worker_processes 2; events {}\n"
                  .replace("D", directory.toString())
              + "http { access_log off; server { listen 127.0.0.1:"
              + Listening.port(listener)
              + "; } }\n");
      try (Program program =
          Program.start(
              listener,
              Map.of("NGINX", "3;"),
              "/usr/sbin/nginx",
              "-p",
              directory.toString(),
              "-e",
              "stderr",
              "-c",
              configuration.toString())) {
        awaitSeen(program, listener);
      }
    }
  }

  @Test
  void seesAProcessOfAnotherUser() throws Exception {
    assumeTrue("root".equals(System.getProperty("user.name")));
    try (OwnedFd listener = Listening.tcp(false);
        Program program =
            Program.start(
                listener,
                Stream.concat(
                        Stream.of("setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"),
                        Stream.of(Program.pythonCommand("select.select([s], [], [])")))
                    .toArray(String[]::new))) {
      awaitSeen(program, listener);
    }
  }

  /** As in a container without CAP_SYS_PTRACE whose workers have users of their own. */
  @Test
  void saysWhatItHasNoRightToLookAt() throws Exception {
    assumeTrue("root".equals(System.getProperty("user.name")));
    String[] anotherUser = {"setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"};
    String[] fewerRights = {
      "setpriv", "--bounding-set=-sys_ptrace", JAVA, "-cp", System.getProperty("java.class.path")
    };
    try (OwnedFd listener = Listening.tcp(true);
        Program program =
            Program.start(
                listener, concat(anotherUser, Program.pythonCommand("print(); s.accept()")))) {
      assertThat(program.line()).isEmpty();
      awaitSeen(program, listener);
      String pid = Integer.toString(program.pid());
      try (Program observer =
          Program.start(listener, concat(fewerRights, WithoutRight.class.getName(), pid))) {
        assertThat(observer.line())
            .contains("cannot look at pid " + pid + " (/proc/" + pid + "/fd")
            .contains("EACCES): it has to say READY=1");
      }
    }
  }

  private static String[] concat(String[] first, String... second) {
    return Stream.concat(Stream.of(first), Stream.of(second)).toArray(String[]::new);
  }

  @Test
  void seesIntoASandbox() throws Exception {
    try (OwnedFd listener = Listening.tcp(false);
        Program program =
            Program.start(
                listener,
                Stream.concat(
                        Stream.of("bwrap", "--unshare-all", "--dev-bind", "/", "/"),
                        Stream.of(Program.pythonCommand("select.select([s], [], [])")))
                    .toArray(String[]::new))) {
      assumeTrue(Files.exists(Path.of("/usr/bin/bwrap")));
      awaitSeen(program, listener);
    }
  }

  @Test
  void seesOneThatTakesConnectionsAllTheTime() throws Exception {
    String busy =
        """
        e = select.epoll(); e.register(s, select.EPOLLIN)
        s.setblocking(True); c = s.accept()[0]; print('took', flush=True)
        while True: pass
        """;
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, busy)) {
      Observation observation = observation(program, listener);
      Await.until(() -> "no look", () -> observation.look() != Observation.Outcome.GONE);
      try (java.net.Socket client = new java.net.Socket("127.0.0.1", Listening.port(listener))) {
        assertThat(client.isConnected()).isTrue();
        assertThat(program.line()).isEqualTo("took");
        Await.until(() -> "busy, not seen", () -> observation.look() == Observation.Outcome.SEEN);
      }
    }
  }

  // ---- not seen

  @ParameterizedTest
  @ValueSource(
      strings = {
        "print(); time.sleep(60)",
        "e = select.epoll(); e.register(s, select.EPOLLIN); print(); time.sleep(60)",
        "e = select.epoll(); e.register(s, select.EPOLLOUT); print(); e.poll()",
        "e = select.epoll(); e.register(s, 1); f = select.epoll(); print(); f.poll()",
        "p = select.poll(); p.register(0, select.POLLPRI); print(); p.poll()",
        "t = socket.create_server(('127.0.0.1', 0)); print(); t.accept()",
        "t = socket.create_server(('127.0.0.1', 0)); print(); select.select([t], [s], [])",
        "r, w = os.pipe(); print(); os.read(r, 1)",
        "os.close(0); s.close(); print(); time.sleep(60)"
      })
  void doesNotSeeWhoWaitsForSomethingElse(String script) throws Exception {
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, script)) {
      assertThat(program.line()).isEmpty();
      assertNotSeen(program, listener);
    }
  }

  @Test
  void doesNotSeeAnotherListenersAccept() throws Exception {
    try (OwnedFd listener = Listening.tcp(true);
        OwnedFd other = Listening.tcp(true);
        Program program = Program.python(listener, "print(); s.accept()")) {
      assertThat(program.line()).isEmpty();
      awaitSeen(program, listener);
      assertNotSeen(program, other);
    }
  }

  @Test
  void doesNotSeeOneThatIsStopped() throws Exception {
    try (OwnedFd listener = Listening.tcp(false);
        Program program = Program.python(listener, "select.select([s], [], [])")) {
      awaitSeen(program, listener);
      program.signal(19);
      program.awaitState('T');
      assertNotSeen(program, listener);
      program.signal(18);
      awaitSeen(program, listener);
    }
  }

  @Test
  void seesAPollThatGoesOnAfterAStop() throws Exception {
    String script = "s.settimeout(60); s.accept()";
    try (OwnedFd listener = Listening.tcp(false);
        Program program = Program.python(listener, script)) {
      awaitSeen(program, listener);
      program.signal(19);
      program.awaitState('T');
      program.signal(18);
      awaitSeen(program, listener);
    }
  }

  @Test
  void saysGoneWhenItHasEnded() throws Exception {
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, "s.accept()")) {
      Observation observation = observation(program, listener);
      program.signal(9);
      program.awaitExit();
      assertThat(observation.look()).isEqualTo(Observation.Outcome.GONE);
    }
  }

  @Test
  void bothWaysToFindATreeAgree() throws Exception {
    String script = "os.fork(); os.fork(); print(flush=True); time.sleep(60)";
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, script)) {
      for (int i = 0; i < 4; i++) {
        assertThat(program.line()).isEmpty();
      }
      assertThat(ProcessTree.byChildren(program.pid()))
          .hasSize(4)
          .containsExactlyInAnyOrderElementsOf(ProcessTree.byParents(program.pid()));
    }
  }

  /** It is done again and again beside working servers. */
  @Test
  void aLookAtAJvmWithManyThreadsIsCheap() throws Exception {
    try (OwnedFd listener = Listening.tcp(false);
        Program program = jvm(listener, "selector", "30")) {
      assertThat(program.line()).isEqualTo("registered");
      Observation observation = observation(program, listener);
      long best = Long.MAX_VALUE;
      for (int i = 0; i < 300; i++) {
        long from = System.nanoTime();
        assertThat(observation.look()).isEqualTo(Observation.Outcome.NOT_YET);
        best = Math.min(best, System.nanoTime() - from);
      }
      assertThat(best).isLessThan(20_000_000); // 0.4 ms where it was written
    }
  }
}
