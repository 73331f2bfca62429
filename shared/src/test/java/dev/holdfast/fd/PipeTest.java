package dev.holdfast.fd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class PipeTest {

  private static final int F_GETPIPE_SZ = 1032;

  @TempDir Path directory;

  private static ByteBuffer text(String text) {
    return ByteBuffer.wrap(text.getBytes(UTF_8));
  }

  private static boolean isCloseOnExec(OwnedFd fd) {
    return Libc.fcntl(fd.number(), Libc.F_GETFD, 0) == Libc.FD_CLOEXEC;
  }

  @Test
  void readsWhatThereIsAndNothingAndTheEnd() throws IOException {
    OpenDescriptors open = OpenDescriptors.now();
    Pipe.Ends ends = Pipe.forOutput();
    try (OwnedFd reader = ends.reader()) {
      try (OwnedFd writer = ends.writer()) {
        assertThat(isCloseOnExec(reader)).isTrue();
        assertThat(isCloseOnExec(writer)).isTrue();
        ByteBuffer into = ByteBuffer.allocate(4);
        assertThat(reader.readNow(into)).isZero();
        assertThat(writer.writeNow(text("abcdef"))).isEqualTo(6);
        assertThat(reader.readNow(into)).isEqualTo(4);
        assertThat(reader.readNow(into)).isZero(); // no room
        assertThat(reader.readNow(into.flip().position(1))).isEqualTo(2);
        assertThat(new String(into.array(), UTF_8)).isEqualTo("aefd");
        assertThat(reader.readNow(ByteBuffer.allocate(1))).isZero();
      }
      assertThat(reader.readNow(ByteBuffer.allocate(1))).isEqualTo(-1);
    }
    open.assertUnchanged();
  }

  @Test
  void writesAsMuchAsIsTakenNow() throws IOException {
    Pipe.Ends ends = Pipe.forOutput();
    try (OwnedFd reader = ends.reader();
        OwnedFd writer = ends.writer()) {
      Sockets.setNonBlocking(writer, true);
      int capacity = Libc.fcntl(writer.number(), F_GETPIPE_SZ, 0);
      assertThat(capacity).isGreaterThanOrEqualTo(1 << 16);
      ByteBuffer much = ByteBuffer.allocate(capacity + 10);
      assertThat(writer.writeNow(much)).isEqualTo(capacity);
      assertThat(much.remaining()).isEqualTo(10);
      assertThat(writer.writeNow(much)).isZero();
      assertThat(reader.readNow(ByteBuffer.allocate(capacity))).isEqualTo(capacity);
      assertThat(writer.writeNow(much)).isEqualTo(10);
    }
  }

  @Test
  void givesAWriterWhoseReaderIsGoneEpipeButNotAProgram() throws IOException {
    Pipe.Ends plain = Pipe.open();
    try (OwnedFd writer = plain.writer()) {
      plain.reader().close();
      assertThatThrownBy(() -> writer.writeNow(text("x")))
          .hasMessageContaining("EPIPE (Broken pipe)");
    }
    Pipe.Ends output = Pipe.forOutput();
    output.reader().close();
    try (OwnedFd writer = output.writer()) {
      Spawn spawn = Processes.shell("echo out && exit 9").place(writer, 1);
      assertThat(Processes.result(spawn)).isEqualTo(new Child.Ended(9, 0));
    }
  }

  @Test
  void appendsToAFileAndMakesIt() throws IOException {
    Path file = directory.resolve("log");
    for (String line : new String[] {"one\n", "two\n"}) {
      try (OwnedFd out = Pipe.appendTo(file, 0600)) {
        assertThat(isCloseOnExec(out)).isTrue();
        assertThat(out.writeNow(text(line))).isEqualTo(4);
      }
    }
    assertThat(file).hasContent("one\ntwo");
    assertThat(Files.getPosixFilePermissions(file)).hasSize(2);
    Path below = file.resolve("x");
    assertThatThrownBy(() -> Pipe.appendTo(below, 0600))
        .hasMessage("open " + below + ": ENOTDIR (Not a directory)");
  }

  @Test
  void opensTheNullDeviceBothWays() throws IOException {
    try (OwnedFd nothing = Pipe.devNull()) {
      assertThat(isCloseOnExec(nothing)).isTrue();
      assertThat(nothing.writeNow(text("x"))).isEqualTo(1);
      assertThat(nothing.readNow(ByteBuffer.allocate(1))).isEqualTo(-1);
    }
  }
}
