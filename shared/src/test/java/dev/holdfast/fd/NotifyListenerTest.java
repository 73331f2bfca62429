package dev.holdfast.fd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class NotifyListenerTest {

  /** Connects the socket named by the first argument, and sends with it what follows. */
  private static final String PYTHON =
      "import os, socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM);"
          + " s.connect(sys.argv[1]); ";

  private static boolean python;

  @TempDir Path directory;

  @BeforeAll
  static void looksForPython() {
    python = Files.isExecutable(Path.of("/usr/bin/python3"));
  }

  @BeforeEach
  void needsPython() throws IOException {
    assumeTrue(python, "needs /usr/bin/python3 to send datagrams");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static Spawn sender(Path path, String code) {
    return python(path, PYTHON + code);
  }

  private static Spawn senderAs(int uid, Path path, String code) {
    String become = "import os; os.setgroups([]); os.setgid(64124); os.setuid(" + uid + ")\n";
    return python(path, become + PYTHON + code);
  }

  private static Spawn python(Path path, String code) {
    return new Spawn(
        Processes.bytes("/usr/bin/python3"),
        Processes.list("python3", "-c", code, path.toString()),
        Processes.list());
  }

  private static void send(Path path, String code) throws IOException {
    assertThat(Processes.result(sender(path, code))).isEqualTo(new Child.Ended(0, 0));
  }

  private NotifyListener bind(Path path, int mode) throws IOException {
    return NotifyListener.bind(path, mode, Libc.geteuid(), NotifyLibc.getegid());
  }

  private static String receive(NotifyListener listener, List<OwnedFd> descriptors)
      throws IOException {
    ByteBuffer room = ByteBuffer.allocate(100);
    int length = listener.receive(room, descriptors::add);
    return length < 0 ? "nothing" : new String(room.array(), 0, room.position(), UTF_8);
  }

  @Test
  void takesDatagramsOneByOneAndWaitsForNone() throws IOException {
    Path path = directory.resolve("n");
    try (NotifyListener listener = bind(path, 0600)) {
      List<OwnedFd> none = new ArrayList<>();
      assertThat(receive(listener, none)).isEqualTo("nothing");
      send(path, "s.send(b'READY=1'); s.send(b''); s.send(b'STOPPING=1')");
      assertThat(receive(listener, none)).isEqualTo("READY=1");
      assertThat(receive(listener, none)).isEmpty();
      assertThat(receive(listener, none)).isEqualTo("STOPPING=1");
      assertThat(receive(listener, none)).isEqualTo("nothing");
      assertThat(none).isEmpty();
    }
  }

  @Test
  void tellsTheLengthOfADatagramThatWasCut() throws IOException {
    Path path = directory.resolve("n");
    try (NotifyListener listener = bind(path, 0600)) {
      send(path, "s.send(b'x' * 5000); s.send(b'y' * 10)");
      ByteBuffer room = ByteBuffer.allocate(10);
      assertThat(listener.receive(room, OwnedFd::close)).isEqualTo(5000);
      assertThat(room.hasRemaining()).isFalse();
      room.clear();
      assertThat(listener.receive(room, OwnedFd::close)).isEqualTo(10);
      assertThat(room.hasRemaining()).isFalse();
    }
  }

  @Test
  void givesDescriptorsToTheConsumerCloseOnExec() throws IOException {
    Path path = directory.resolve("n");
    OpenDescriptors open = OpenDescriptors.now();
    try (NotifyListener listener = bind(path, 0600)) {
      send(
          path,
          "f = os.open('/dev/zero', os.O_RDONLY);"
              + "socket.send_fds(s, [b'FDSTORE=1'], [f, f, f]);"
              + "socket.send_fds(s, [b'x'], [f] * 253)");
      List<OwnedFd> descriptors = new ArrayList<>();
      assertThat(receive(listener, descriptors)).isEqualTo("FDSTORE=1");
      assertThat(descriptors).hasSize(3);
      for (OwnedFd fd : descriptors) {
        assertThat(Libc.fcntl(fd.number(), Libc.F_GETFD, 0)).isEqualTo(Libc.FD_CLOEXEC);
        assertThat(Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd.number())))
            .hasToString("/dev/zero");
      }
      assertThat(receive(listener, descriptors)).isEqualTo("x");
      assertThat(descriptors).hasSize(256);
      descriptors.forEach(OwnedFd::close);
    }
    open.assertUnchanged();
  }

  @Test
  void closesWhatArrivedWhenDescriptorsWereCutShort() throws IOException {
    Path path = directory.resolve("n");
    Limits.OpenFiles limits = Limits.openFiles();
    OpenDescriptors open = OpenDescriptors.now();
    try (NotifyListener listener = bind(path, 0600)) {
      send(
          path,
          "f = os.open('/dev/zero', os.O_RDONLY); socket.send_fds(s, [b'x'], [f] * 9);"
              + " s.send(b'next')");
      int free;
      try (OwnedFd next = listener.fd().dup()) {
        free = next.number();
      }
      ByteBuffer room = ByteBuffer.allocate(10);
      assertThat(Files.exists(path)).isTrue();
      Limits.setOpenFiles(free + 3);
      try {
        listener.receive(room, OwnedFd::close);
        throw new AssertionError("took what does not fit");
      } catch (TruncatedDescriptorsException e) {
        room.clear();
      } finally {
        Limits.setOpenFiles(limits.soft());
      }
      assertThat(listener.receive(room, OwnedFd::close)).isEqualTo(4);
    }
    open.assertUnchanged();
  }

  @Test
  void hasTheModeWhateverTheUmaskAndRemovesItsPath() throws IOException {
    Path path = directory.resolve("n");
    OpenDescriptors open = OpenDescriptors.now();
    NotifyListener listener = bind(path, 0666);
    try {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
          .isEqualTo("rw-rw-rw-");
      assertThatThrownBy(() -> bind(path, 0600))
          .hasMessage("bind " + path + ": EADDRINUSE (Address already in use)");
      assertThat(path).exists();
    } finally {
      listener.close();
    }
    assertThat(path).doesNotExist();
    Files.createFile(path);
    listener.close();
    assertThat(path).as("not removed a second time").exists();
    open.assertUnchanged();
  }

  @Test
  void belongsToTheAccountAndToNobodyElse() throws IOException {
    assumeTrue(Libc.geteuid() == 0, "only root can give a socket away");
    Path path = directory.resolve("n");
    try (NotifyListener listener = NotifyListener.bind(path, 0600, 64123, 64124)) {
      assertThat(Files.getAttribute(path, "unix:uid")).isEqualTo(64123);
      assertThat(Files.getAttribute(path, "unix:gid")).isEqualTo(64124);
      Spawn owner = senderAs(64123, path, "s.send(b'x')");
      assertThat(Processes.result(owner).code()).isZero();
      Spawn other = senderAs(64125, path, "");
      assertThat(Processes.output(other)).contains("PermissionError");
      assertThat(receive(listener, new ArrayList<>())).isEqualTo("x");
    }
  }
}
