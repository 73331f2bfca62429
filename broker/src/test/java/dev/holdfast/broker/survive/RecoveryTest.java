package dev.holdfast.broker.survive;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Caller;
import dev.holdfast.broker.core.Companion;
import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Hold;
import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.Launch;
import dev.holdfast.broker.core.LeaseState;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.ServiceConfig;
import dev.holdfast.broker.core.SocketKind;
import dev.holdfast.broker.core.SocketProof;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.broker.core.WorkerState;
import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.Pipe;
import dev.holdfast.fd.ProcessStart;
import dev.holdfast.fd.SocketFacts;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.listener.Endpoint;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.newsclub.net.unix.FileDescriptorCast;

@Timeout(60)
class RecoveryTest {

  private static final ListenerName WEB = ListenerName.parse("web");

  @TempDir Path directory;

  private final List<String> lines = new ArrayList<>();
  private final List<Entry> entries = new ArrayList<>();
  private final Map<Entry.Key, Long> started = new HashMap<>();
  private final List<SupervisorStore.Passed> passed = new ArrayList<>();
  private Set<String> before = Set.of();

  @BeforeEach
  void countDescriptors() throws IOException {
    var unused = FileDescriptorCast.unsafeUsing(0).as(ProcessBuilder.Redirect.class);
    before = sockets();
  }

  /** Sockets and pidfds that are ours; the JVM has none of its own. */
  private static Set<String> sockets() throws IOException {
    Set<String> result = new TreeSet<>();
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      for (Path each : all.toList()) {
        try {
          String link = Files.readSymbolicLink(each).toString();
          if (link.startsWith("socket:") || link.contains("pidfd")) {
            result.add(each.getFileName() + " " + link);
          }
        } catch (IOException e) {
          // closed since it was listed
        }
      }
    }
    return result;
  }

  @AfterEach
  void leavesNoDescriptorBehind() throws IOException {
    passed.forEach(SupervisorStore.Passed::close);
    assertThat(sockets()).isEqualTo(before);
  }

  @Test
  void takesASocketBackFromItsWorker() throws IOException {
    BoundSocket bound;
    Holder worker;
    try (OwnedFd socket = listening()) {
      bound = remember(socket, config(IdlePolicy.QUEUE));
      worker = Holder.of(socket, "os.dup2(s.fileno(), 60); os.close(0); s.close()").ready();
    }
    try (Holder program = worker) {
      rememberWorker(program.pid(), ProcessStart.ticks(program.pid()));
      try (Recovery.Found found = find()) {
        assertSame(found, bound);
        assertThat(worker(found).pidfd().pid()).isEqualTo(program.pid());
        // The pipe of ProcessBuilder is no pipe of a broker.
        assertThat(worker(found).output()).isEmpty();
        assertThat(lines).anyMatch(line -> line.endsWith(" (python3), descriptor 60"));
      }
    }
  }

  @Test
  void believesNoPidWhoseProcessBeganAtAnotherTime() throws IOException {
    try (OwnedFd socket = listening();
        Holder program = Holder.of(socket).ready()) {
      rememberWorker(program.pid(), ProcessStart.ticks(program.pid()) - 1);
      rememberLease("a", Hold.PROCESS, program.pid(), 0);
      try (Recovery.Found found = find()) {
        assertThat(found.workers()).isEmpty();
        assertThat(found.leases()).isEmpty();
        assertThat(lines)
            .anyMatch(line -> line.contains("is another process now"))
            .anyMatch(line -> line.contains("does not have its start"));
      }
    }
  }

  @Test
  void followsLeasesOfProcessesAndLooksIntoAllHolders() throws IOException {
    BoundSocket bound;
    Holder holder;
    try (OwnedFd socket = listening()) {
      bound = remember(socket, config(IdlePolicy.QUEUE));
      holder = Holder.of(socket).ready();
    }
    try (Holder program = holder) {
      long ticks = ProcessStart.ticks(program.pid());
      rememberLease("p", Hold.PROCESS, program.pid(), ticks);
      rememberLease("c", Hold.CONNECTION, program.pid(), ticks);
      try (Recovery.Found found = find()) {
        assertSame(found, bound);
        assertThat(found.leases()).containsOnlyKeys(new LeaseId("p"));
      }
    }
  }

  @Test
  void takesASocketFromAnyProcessThatHasIt() throws IOException {
    BoundSocket bound;
    Holder holder;
    try (OwnedFd socket = listening()) {
      bound = remember(socket, config(IdlePolicy.QUEUE));
      holder = Holder.of(socket).ready();
    }
    try (Holder program = holder;
        Recovery.Found found = find()) {
      assertSame(found, bound);
      assertThat(program.pid()).isPositive();
    }
  }

  @Test
  void saysThatNobodyHoldsASocket() throws IOException {
    BoundSocket bound;
    try (OwnedFd socket = listening()) {
      bound = remember(socket, config(IdlePolicy.QUEUE));
    }
    try (Recovery.Found found = find()) {
      assertThat(found.sockets()).isEmpty();
      assertThat(found.lost()).containsEntry(bound.id(), "nobody holds it");
    }
  }

  @Test
  void takesNoOtherSocketOfTheSameInode() throws IOException {
    BoundSocket wrong;
    Holder holder;
    try (OwnedFd socket = listening()) {
      BoundSocket bound = bound(socket);
      SocketProof proof = new SocketProof(bound.proof().inode(), bound.proof().cookie() + 1, null);
      wrong = new BoundSocket(7, bound.endpoint(), bound.kind(), bound.port(), proof);
      remember(wrong, null, config(IdlePolicy.QUEUE));
      holder = Holder.of(socket).ready();
    }
    try (Holder program = holder;
        Recovery.Found found = find()) {
      assertThat(found.sockets()).isEmpty();
      assertThat(found.lost().get(7L)).contains("SO_COOKIE differs").contains("" + program.pid());
    }
  }

  @Test
  void takesNoSocketOfAnotherKindOrAddressAndNoneThatDoesNotListen() throws IOException {
    try (OwnedFd socket = listening();
        OwnedFd mute = tcp();
        OwnedFd file = OwnedFd.openForReading("/dev/null")) {
      BoundSocket bound = bound(socket);
      SocketProof inodeOnly = new SocketProof(bound.proof().inode(), 0, null);
      assertThat(difference(bound.endpoint(), SocketKind.SEQPACKET, inodeOnly, socket))
          .hasValue("it is no seqpacket socket");
      assertThat(difference("tcp:127.0.0.2:" + bound.port(), SocketKind.STREAM, inodeOnly, socket))
          .hasValue("its address is " + bound.endpoint());
      assertThat(difference("tcp:127.0.0.1:1", SocketKind.STREAM, SocketProof.NONE, mute))
          .isPresent();
      BoundSocket silent = bound(mute);
      SocketProof unproved = new SocketProof(silent.proof().inode(), 0, null);
      assertThat(difference(silent.endpoint(), SocketKind.STREAM, unproved, mute))
          .hasValue("it does not listen");
      assertThat(difference(silent.endpoint(), SocketKind.STREAM, SocketProof.NONE, file))
          .isPresent();
    }
  }

  @Test
  void aSocketThatWasShutDownListensAgain() throws IOException {
    try (OwnedFd socket = listening()) {
      BoundSocket bound = bound(socket);
      Sockets.stopListening(socket, "");
      assertThat(Sockets.isListening(socket)).isFalse();
      assertThat(difference(bound.endpoint(), bound.kind(), bound.proof(), socket)).isEmpty();
      assertThat(Sockets.isListening(socket)).isTrue();
    }
  }

  @Test
  void aSocketThatRefusesStaysSo() throws IOException {
    BoundSocket bound;
    Holder holder;
    try (OwnedFd socket = tcp()) {
      bound = remember(socket, config(IdlePolicy.REFUSE));
      holder = Holder.of(socket).ready();
    }
    try (Holder program = holder;
        Recovery.Found found = find()) {
      assertSame(found, bound);
      assertThat(Sockets.isListening(socket(found, bound))).isFalse();
      assertThat(program.pid()).isPositive();
    }
  }

  @Test
  void knowsAUnixSocketThatWasRenamedIntoItsPlace() throws IOException {
    Path path = directory.resolve("web.sock");
    BoundSocket bound;
    Holder holder;
    try (OwnedFd socket = Sockets.openUnix(Sockets.Kind.SEQPACKET)) {
      Path temporary = directory.resolve(".hf4711");
      Sockets.bind(socket, new UnixAddress.Path(temporary), "");
      Sockets.listen(socket, 5, "");
      Files.move(temporary, path);
      String endpoint = "seqpacket:" + path;
      bound = new BoundSocket(3, endpoint, SocketKind.SEQPACKET, 0, bound(socket).proof());
      remember(bound, null, config(IdlePolicy.QUEUE));
      holder = Holder.of(socket).ready();
    }
    try (Holder program = holder;
        Recovery.Found found = find()) {
      assertSame(found, bound);
      assertThat(program.pid()).isPositive();
    }
  }

  @Test
  void saysWhatIsMissingWhenAHolderMayNotBeAsked() throws IOException {
    BoundSocket bound;
    Holder holder;
    try (OwnedFd socket = listening()) {
      bound = remember(socket, config(IdlePolicy.QUEUE));
      holder = Holder.of(socket).ready();
    }
    try (Holder program = holder) {
      rememberWorker(program.pid(), ProcessStart.ticks(program.pid()));
      try (Recovery.Found found = find(refusing(Errno.EPERM))) {
        assertThat(found.workers()).hasSize(1);
        assertThat(found.lost().get(bound.id()))
            .startsWith("pid " + program.pid() + " (python3) holds it and may not be asked for it")
            .contains("CAP_SYS_PTRACE");
      }
      try (Recovery.Found found = find(refusing(Errno.ENOSYS))) {
        assertThat(found.lost().get(bound.id())).contains("Linux has it since 5.6");
      }
    }
  }

  @Test
  void withoutTheRightItSaysWhichOneIsMissing() throws Exception {
    assumeTrue(Limits.effectiveUid() == 0);
    assertThat(findWithout("sys_ptrace"))
        .startsWith("somebody holds it, but ")
        .containsPattern("pid [0-9]+ \\(python3\\)")
        .endsWith("CAP_SYS_PTRACE is missing: the process is of another user (uid 1234)");
  }

  @Test
  void triesNumbersWhereDescriptorsCannotBeListed() throws Exception {
    assumeTrue(Limits.effectiveUid() == 0);
    assertThat(findWithout("dac_override,-dac_read_search")).startsWith("found: [").contains("pid");
  }

  /** The socket of a program of another user, by a search without some capabilities. */
  private static String findWithout(String capabilities) throws Exception {
    BoundSocket bound;
    Holder holder;
    try (OwnedFd socket = listening()) {
      bound = bound(socket);
      holder = Holder.as(1234, socket).ready();
    }
    try (Holder program = holder) {
      ProcessBuilder builder =
          new ProcessBuilder(
              "setpriv",
              "--bounding-set=-" + capabilities,
              Path.of(System.getProperty("java.home"), "bin", "java").toString(),
              "-cp",
              System.getProperty("java.class.path"),
              WithoutRight.class.getName(),
              bound.endpoint(),
              "" + bound.proof().inode(),
              "" + bound.proof().cookie(),
              "" + program.pid());
      builder.redirectError(ProcessBuilder.Redirect.INHERIT);
      Process process = builder.start();
      try (BufferedReader out = process.inputReader()) {
        String line = String.valueOf(out.readLine());
        assertThat(process.waitFor()).isZero();
        return line;
      }
    }
  }

  @Test
  void takesWhatTheSupervisorKeptAndLeavesTheRest() throws IOException {
    OwnedFd socket = listening();
    BoundSocket bound = remember(socket, config(IdlePolicy.QUEUE));
    OwnedFd impostor = listening();
    entries.add(new Entry.OfDeposit("box", "socket", 0, 9));
    entries.add(new Entry.OfDeposit("gone", "socket", 0, 10));
    OwnedFd deposit = tcp();
    passed.add(new SupervisorStore.Passed("listener-web", impostor));
    passed.add(new SupervisorStore.Passed("another-name", socket));
    passed.add(new SupervisorStore.Passed("stored-box", deposit));
    try (Recovery.Found found = find()) {
      assertSame(found, bound);
      assertThat(found.deposits()).containsOnlyKeys("box");
      assertThat(passed).extracting(SupervisorStore.Passed::fd).containsExactly(impostor);
      assertThat(lines)
          .anyMatch(line -> line.contains("as listener-web is not it"))
          .anyMatch(line -> line.startsWith("stored descriptor gone is lost"));
      Endpoint at = Endpoint.parse(Sockets.facts(impostor).address());
      assertThat(SupervisorStore.matching(passed, Endpoint.parse("tcp:127.0.0.1:1"))).isEmpty();
      try (OwnedFd taken = SupervisorStore.matching(passed, at).orElseThrow()) {
        assertThat(taken).isSameAs(impostor);
      }
    }
  }

  @Test
  void readsOnWhatAWorkerPrints() throws IOException {
    Pipe.Ends pipe = Pipe.forOutput();
    ProcessBuilder builder = new ProcessBuilder("/bin/sh", "-c", "read go; echo word; read go");
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    Process process;
    try (OwnedFd writer = pipe.writer()) {
      builder.redirectOutput(
          FileDescriptorCast.unsafeUsing(writer.number()).as(ProcessBuilder.Redirect.class));
      process = builder.start();
    }
    pipe.reader().close();
    rememberWorker((int) process.pid(), ProcessStart.ticks((int) process.pid()));
    try (Recovery.Found found = find()) {
      OwnedFd output = worker(found).output().orElseThrow();
      assertThat(Sockets.isNonBlocking(output)).isTrue();
      process.getOutputStream().write('\n');
      process.getOutputStream().flush();
      ByteBuffer room = ByteBuffer.allocate(100);
      assertThat(output.read(room)).isEqualTo(5);
      assertThat(new String(room.array(), 0, 5, UTF_8)).isEqualTo("word\n");
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void findsHundredsOfListenersInOneHolder() throws IOException {
    String script =
        """
        k = []
        for i in range(300):
          x = socket.socket(); x.bind(('127.0.0.1', 0)); x.listen(5); k.append(x)
          say(x.getsockname()[1], os.fstat(x.fileno()).st_ino,
              int.from_bytes(x.getsockopt(1, 57, 8), 'little'))
        """;
    try (Holder program = Holder.alone(script)) {
      for (int i = 0; i < 300; i++) {
        String[] words = program.line().split(" ", -1);
        int port = Integer.parseInt(words[0]);
        SocketProof proof =
            new SocketProof(Long.parseLong(words[1]), Long.parseLong(words[2]), null);
        remember(
            new BoundSocket(100 + i, "tcp:127.0.0.1:" + port, SocketKind.STREAM, port, proof),
            null,
            config(IdlePolicy.QUEUE));
      }
      program.ready();
      rememberWorker(program.pid(), ProcessStart.ticks(program.pid()));
      try (Recovery.Found found = find()) {
        assertThat(found.sockets()).hasSize(300);
        assertThat(found.lost()).isEmpty();
      }
    }
  }

  // ---- what is remembered

  private Recovery.Found find() {
    return find(Pidfd::dupOf);
  }

  private Recovery.Found find(SocketSource source) {
    return Recovery.find(entries, started, passed, lines::add, source);
  }

  private static SocketSource refusing(int errno) {
    return (process, descriptor) -> {
      throw new ErrnoException("pidfd_getfd", "", errno);
    };
  }

  private static OwnedFd socket(Recovery.Found found, BoundSocket bound) {
    assertThat(found.sockets()).containsKey(bound.id());
    return requireNonNull(found.sockets().get(bound.id()));
  }

  private static Recovery.FoundWorker worker(Recovery.Found found) {
    assertThat(found.workers()).containsKey(1L);
    return requireNonNull(found.workers().get(1L));
  }

  private static void assertSame(Recovery.Found found, BoundSocket bound) throws IOException {
    OwnedFd socket = socket(found, bound);
    assertThat(Sockets.inode(socket)).isEqualTo(bound.proof().inode());
    assertThat(Sockets.facts(socket).cookie()).isEqualTo(bound.proof().cookie());
    assertThat(found.lost()).isEmpty();
  }

  private static Optional<String> difference(
      String endpoint, SocketKind kind, SocketProof proof, OwnedFd borrowed) {
    BoundSocket socket = new BoundSocket(1, endpoint, kind, 1, proof);
    return new ExpectedSocket(WEB, false, socket, config(IdlePolicy.QUEUE)).difference(borrowed);
  }

  static OwnedFd tcp() throws IOException {
    InetAddress here = InetAddress.getByName("127.0.0.1");
    OwnedFd socket = Sockets.open(here, Sockets.Kind.STREAM);
    Sockets.bind(socket, here, 0, "");
    int port = Sockets.facts(socket).port();
    socket.close();
    // By number, as ours are: a port that the kernel chose is lost when the socket is shut down.
    OwnedFd again = Sockets.open(here, Sockets.Kind.STREAM);
    Sockets.bind(again, here, port, "");
    return again;
  }

  static OwnedFd listening() throws IOException {
    OwnedFd socket = tcp();
    Sockets.listen(socket, 5, "");
    return socket;
  }

  private static BoundSocket bound(OwnedFd borrowed) throws IOException {
    SocketFacts facts = Sockets.facts(borrowed);
    SocketProof proof = new SocketProof(Sockets.inode(borrowed), facts.cookie(), null);
    return new BoundSocket(2, facts.address(), SocketKind.STREAM, facts.port(), proof);
  }

  private BoundSocket remember(OwnedFd borrowed, ListenerConfig config) throws IOException {
    BoundSocket bound = bound(borrowed);
    remember(bound, null, config);
    return bound;
  }

  private void remember(
      BoundSocket bound,
      @org.jspecify.annotations.Nullable BoundSocket companion,
      ListenerConfig config) {
    entries.add(new Entry.OfListener(WEB, config, true, bound, companion, 0, 0, 0));
  }

  private static ListenerConfig config(IdlePolicy idle) {
    try {
      return new ListenerConfig(
          ListenSpec.parse("127.0.0.1:80"),
          100,
          false,
          idle,
          new Companion.None(),
          List.of(),
          SocketSettings.DEFAULT);
    } catch (dev.holdfast.listener.InvalidSpecException e) {
      throw new AssertionError(e);
    }
  }

  private void rememberWorker(int pid, long ticks) {
    Entry.OfWorker worker =
        new Entry.OfWorker(
            1,
            "shop",
            1,
            ServiceConfig.of(Launch.of(List.of("x")), List.of(WEB)),
            new LeaseId("w"),
            Instant.EPOCH,
            pid,
            WorkerState.READY,
            Optional.empty(),
            true,
            false,
            false,
            null,
            null);
    entries.add(worker);
    started.put(worker.key(), ticks);
  }

  private void rememberLease(String id, Hold hold, int pid, long ticks) {
    Caller caller = new Caller(1, pid, 0, 0, List.of());
    Entry.OfLease lease =
        new Entry.OfLease(
            new LeaseId(id),
            new Event.Acquire(caller, List.of(WEB), hold, null, false, false, 0),
            0,
            pid,
            LeaseState.READY,
            Optional.empty(),
            Instant.EPOCH,
            false);
    entries.add(lease);
    started.put(lease.key(), ticks);
  }
}
