package dev.holdfast.broker.workers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.listener.LeaseId;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Workers are stopped without losing a connection, and nothing stays stopped. */
@Timeout(120)
class QuietStopTest {

  private static final int SIGTERM = 15;
  private static final int SIGCONT = 18;
  private static final int SIGSTOP = 19;
  private static final int KILLED_BY_TERM = 128 + SIGTERM;

  private static final String NAIVE =
      """
      while True:
        c = s.accept()[0]
        c.recv(1000)
        c.sendall(b'HTTP/1.0 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok')
        c.close()
      """;

  /** Takes one connection, says so, and answers it when it is told to end. */
  private static final String ANSWERS_AT_THE_END =
      """
      def end(*_):
        time.sleep(0.3); c.sendall(b'ok'); c.close(); os._exit(7)
      signal.signal(signal.SIGTERM, end)
      c = s.accept()[0]; print('took')
      while True: time.sleep(60)
      """;

  private static final String TAKES_ONE =
      "c = s.accept()[0]; print('took'); c.recv(1); c.close(); time.sleep(60)";

  private final BlockingQueue<Runnable> posted = new LinkedBlockingQueue<>();
  private final List<Event> events = new ArrayList<>();
  private final List<String> warnings = new ArrayList<>();
  private final Observer observer = new Observer(posted::add, events::add);

  @AfterEach
  void close() {
    observer.close();
  }

  /** Does the loop's work until an event comes. */
  private Event event() throws InterruptedException {
    while (events.isEmpty()) {
      Runnable action = posted.poll(20, TimeUnit.SECONDS);
      if (action == null) {
        throw new AssertionError("no event");
      }
      action.run();
    }
    return events.remove(0);
  }

  private void stop(Program program, OwnedFd listener) throws IOException {
    observer.stop(program.pidfd(), 0, SIGTERM, List.of(listener), warnings::add, () -> {});
  }

  private static Socket connect(OwnedFd listener) throws IOException {
    return new Socket("127.0.0.1", Listening.port(listener));
  }

  private int countOpen(Program program, OwnedFd listener) throws InterruptedException {
    observer.countOpen("web", List.of(program.pid()), List.of(listener));
    return ((Event.OpenCounted) event()).connections();
  }

  @Test
  void aNaiveServerLosesNoConnectionWhenItIsReplaced() throws Exception {
    AtomicInteger answered = new AtomicInteger();
    List<Throwable> lost = new ArrayList<>();
    AtomicBoolean over = new AtomicBoolean();
    try (OwnedFd listener = Listening.tcp(true)) {
      List<Thread> clients = new ArrayList<>();
      Program current = Program.python(listener, NAIVE);
      try {
        awaitSeen(current, listener, 0);
        int port = Listening.port(listener);
        for (int i = 0; i < 16; i++) {
          Thread client =
              new Thread(
                  () -> {
                    while (!over.get()) {
                      try {
                        ask(port);
                        answered.incrementAndGet();
                      } catch (IOException e) {
                        synchronized (lost) {
                          lost.add(e);
                        }
                      }
                    }
                  });
          client.start();
          clients.add(client);
        }
        for (int round = 1; round <= 20; round++) {
          int before = answered.get();
          Program next = Program.python(listener, NAIVE);
          Program old = current;
          current = next;
          try {
            awaitSeen(next, listener, round);
            stop(old, listener);
            assertThat(old.awaitExit()).isEqualTo(KILLED_BY_TERM);
          } finally {
            old.close();
          }
          Await.until(() -> "nobody answers", () -> answered.get() > before + 16);
        }
      } finally {
        over.set(true);
        for (Thread client : clients) {
          client.join(20_000);
        }
        current.close();
      }
    }
    assertThat(lost).isEmpty();
    assertThat(answered.get()).isGreaterThan(500);
    assertThat(warnings).isEmpty();
  }

  private void awaitSeen(Program program, OwnedFd listener, int round) throws InterruptedException {
    LeaseId lease = new LeaseId("lease" + round);
    observer.observe(lease, program.pid(), List.of(listener));
    assertThat(event()).isEqualTo(new Event.Seen(lease));
  }

  private static void ask(int port) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", port)) {
      socket.setSoTimeout(20_000);
      socket.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      if (!answer.endsWith("ok")) {
        throw new IOException("cut off: '" + answer + "'");
      }
    }
  }

  @Test
  void oneThatHandlesTheSignalGetsItWithAConnectionOpen() throws Exception {
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, ANSWERS_AT_THE_END);
        Socket client = connect(listener)) {
      assertThat(program.line()).isEqualTo("took");
      stop(program, listener);
      assertThat(client.getInputStream().readAllBytes()).containsExactly('o', 'k');
      assertThat(program.awaitExit()).isEqualTo(7);
    }
  }

  @Test
  void oneThatHandlesItBehindAShellDoesToo() throws Exception {
    String[] python = Program.pythonCommand(ANSWERS_AT_THE_END);
    String[] behind = {"/bin/sh", "-c", "\"$@\"; code=$?; exit $((code + 1))", "sh"};
    try (OwnedFd listener = Listening.tcp(true);
        Program program = start(listener, behind, python);
        Socket client = connect(listener)) {
      assertThat(program.line()).isEqualTo("took");
      stop(program, listener);
      assertThat(client.getInputStream().readAllBytes()).containsExactly('o', 'k');
      assertThat(program.awaitExit()).isEqualTo(8); // the shell had its say
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void oneThatHandlesItInASandboxDoesToo(boolean diesWithParent) throws Exception {
    assumeTrue(Files.exists(Path.of("/usr/bin/bwrap")));
    String[] python = Program.pythonCommand(ANSWERS_AT_THE_END);
    String option = diesWithParent ? "--die-with-parent" : "--unshare-all";
    String[] sandbox = {"bwrap", "--unshare-all", option, "--dev-bind", "/", "/"};
    try (OwnedFd listener = Listening.tcp(true);
        Program program = start(listener, sandbox, python);
        Socket client = connect(listener)) {
      assertThat(program.line()).isEqualTo("took");
      stop(program, listener);
      assertThat(client.getInputStream().readAllBytes()).containsExactly('o', 'k');
      assertThat(program.awaitExit()).isEqualTo(7);
    }
  }

  @Test
  void oneThatDoesNotHandleItInASandboxEndsWhenItsConnectionHas() throws Exception {
    assumeTrue(Files.exists(Path.of("/usr/bin/bwrap")));
    String[] sandbox = {"bwrap", "--unshare-all", "--dev-bind", "/", "/"};
    try (OwnedFd listener = Listening.tcp(true);
        Program program = start(listener, sandbox, Program.pythonCommand(TAKES_ONE));
        Socket client = connect(listener)) {
      assertThat(program.line()).isEqualTo("took");
      stop(program, listener);
      awaitTries();
      assertThat(program.isAlive()).isTrue();
      client.shutdownOutput();
      assertThat(program.awaitExit()).isNotZero();
    }
  }

  private static Program start(OwnedFd listener, String[] wrapper, String[] command)
      throws IOException {
    return Program.start(
        listener, Stream.concat(Stream.of(wrapper), Stream.of(command)).toArray(String[]::new));
  }

  @Test
  void anOpenConnectionPutsTheStopOff() throws Exception {
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, TAKES_ONE);
        Socket client = connect(listener)) {
      assertThat(program.line()).isEqualTo("took");
      assertThat(countOpen(program, listener)).isOne();
      stop(program, listener);
      awaitTries();
      assertThat(program.isAlive()).isTrue();
      client.shutdownOutput();
      assertThat(program.awaitExit()).isEqualTo(KILLED_BY_TERM);
    }
  }

  /** Each count runs between two tries. */
  private void awaitTries() throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(500);
    while (System.nanoTime() < end) {
      observer.countOpen("web", List.of(), List.of());
      assertThat(event()).isEqualTo(new Event.OpenCounted("web", 0));
    }
  }

  @Test
  void nothingStaysStoppedWhenTheObserverIsClosed() throws Exception {
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, TAKES_ONE);
        Socket client = connect(listener)) {
      assertThat(program.line()).isEqualTo("took");
      long before = pidfds();
      for (int i = 0; i < 200; i++) {
        try (Observer shortLived = new Observer(posted::add, events::add)) {
          shortLived.stop(program.pidfd(), 0, SIGTERM, List.of(listener), warnings::add, () -> {});
          LockSupport.parkNanos(i * 20_000L); // somewhere in the middle of its first tries
        }
        assertThat(program.isStopped()).isFalse();
      }
      assertThat(program.isAlive()).isTrue();
      assertThat(client.isConnected()).isTrue();
      assertThat(pidfds()).isEqualTo(before);
    }
  }

  private static long pidfds() throws IOException {
    long count = 0;
    for (int number : Proc.numbers("/proc/self/fd")) {
      if (Proc.link("/proc/self/fd/" + number).orElse("").equals("anon_inode:[pidfd]")) {
        count++;
      }
    }
    return count;
  }

  @Test
  void theThreadIsThereOnlyWhileSomethingIsLookedAt() throws Exception {
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, "time.sleep(60)")) {
      LeaseId lease = new LeaseId("one");
      observer.observe(lease, program.pid(), List.of(listener));
      assertThat(countOpen(program, listener)).isZero();
      assertThat(observers()).isPositive();
      observer.unobserve(lease);
      Await.until(() -> "the thread stays", () -> observers() == 0);
    }
  }

  private static long observers() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("broker-observer"))
        .count();
  }

  /** As the floor of workers asks for it: with the process group, and the child unreaped. */
  @Test
  void whatIsLeftOfAGroupIsAskedToo() throws Exception {
    String script =
        """
        os.setpgid(0, 0)
        if os.fork() == 0:
          os.fork() and os._exit(0)
          print(os.getpid()); time.sleep(60)
        os.wait(); s.accept()
        """;
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, script)) {
      int orphan = Integer.parseInt(program.line());
      observer.stop(
          program.pidfd(), program.pid(), SIGTERM, List.of(listener), warnings::add, () -> {});
      assertThat(program.awaitExit()).isEqualTo(KILLED_BY_TERM);
      Await.until(
          () -> "the orphan lives",
          () -> ProcessStat.of(orphan).filter(stat -> !stat.hasEnded()).isEmpty());
    }
  }

  @Test
  void oneThatAnOperatorStoppedStaysStoppedAndActsWhenItIsContinued() throws Exception {
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, "print(); s.accept()")) {
      assertThat(program.line()).isEmpty();
      program.signal(SIGSTOP);
      program.awaitState('T');
      stop(program, listener);
      awaitTries();
      assertThat(program.isAlive()).isTrue();
      assertThat(program.isStopped()).isTrue();
      program.signal(SIGCONT);
      assertThat(program.awaitExit()).isEqualTo(KILLED_BY_TERM);
    }
  }

  @Test
  void oneThatWaitsForTheSignalWithSigwaitGetsIt() throws Exception {
    String script =
        "signal.pthread_sigmask(signal.SIG_BLOCK, [15]); print(); signal.sigwait([15]); exit(5)";
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, script)) {
      assertThat(program.line()).isEmpty();
      stop(program, listener);
      assertThat(program.awaitExit()).isEqualTo(5);
    }
  }

  @Test
  void countsConnectionsOfWildcardAndUnixListeners() throws Exception {
    String script = "c = [s.accept()[0] for i in range(2)]; print(); os.fork(); time.sleep(60)";
    for (String host : new String[] {"::", "0.0.0.0", "127.0.0.1"}) {
      try (OwnedFd listener = Listening.tcp(host, true);
          OwnedFd other = Listening.tcp(true);
          Program program = Program.python(listener, script);
          Socket one = connect(listener);
          Socket two = new Socket(InetAddress.getLoopbackAddress(), Listening.port(listener))) {
        assertThat(program.line()).isEmpty();
        assertThat(countOpen(program, listener)).as(host).isEqualTo(2);
        assertThat(countOpen(program, other)).isZero();
        assertThat(one.isConnected() && two.isConnected()).isTrue();
      }
    }
  }

  @Test
  void countsConnectionsOfAUnixListener(@TempDir Path directory) throws Exception {
    Path path = directory.resolve("s");
    try (OwnedFd listener = Listening.unix(path.toString());
        Program program = Program.python(listener, "print(); " + TAKES_ONE)) {
      assertThat(program.line()).isEmpty();
      assertThat(countOpen(program, listener)).isZero();
      try (SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
        assertThat(program.line()).isEqualTo("took");
        assertThat(countOpen(program, listener)).isOne();
        assertThat(client.isOpen()).isTrue();
      }
    }
  }

  @Test
  void noEventComesAfterUnobserve() throws Exception {
    LeaseId lease = new LeaseId("one");
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, "s.accept()")) {
      observer.observe(lease, program.pid(), List.of(listener));
      Runnable seen = posted.poll(20, TimeUnit.SECONDS);
      observer.unobserve(lease);
      assertThat(seen).isNotNull();
      seen.run();
      assertThat(events).isEmpty();
    }
  }

  @Test
  void saysOnceWhatCannotBeLookedAt() throws Exception {
    assumeTrue(!"root".equals(System.getProperty("user.name")));
    try (OwnedFd listener = Listening.tcp(true)) {
      observer.observe(new LeaseId("one"), 1, List.of(listener));
      assertThat(event())
          .isInstanceOfSatisfying(
              Event.Warned.class,
              warned ->
                  assertThat(warned.message())
                      .contains("cannot look at pid 1")
                      .contains("it has to say READY=1"));
    }
  }
}
