package dev.holdfast.broker.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.core.Offered;
import dev.holdfast.broker.core.SocketKind;
import dev.holdfast.broker.core.SocketProof;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.SocketFacts;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.listener.ListenerName;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OfferedSocketsTest {

  private static final ListenerName WEB = ListenerName.parse("web");

  @TempDir Path directory;

  @Test
  void theKernelSaysWhatASocketIs() throws Exception {
    InetAddress here = InetAddress.getByName("127.0.0.1");
    try (OwnedFd fd = Sockets.open(here, Sockets.Kind.STREAM);
        OwnedFd copy = fd.dup()) {
      Sockets.bind(fd, here, 0, "test");
      Offered bound = OfferedSockets.look(WEB, 7, fd, "tcp:0.0.0.0:1");
      SocketFacts facts = Sockets.facts(fd);
      assertThat(bound.endpoint()).isEqualTo("tcp:127.0.0.1:" + facts.port());
      assertThat(bound.kind()).isEqualTo(SocketKind.STREAM);
      assertThat(bound.listening()).isFalse();
      assertThat(bound.descriptor()).isEqualTo(7);
      assertThat(bound.proof().cookie()).isEqualTo(facts.cookie()).isNotZero();
      assertThat(bound.proof().inode())
          .isEqualTo(OfferedSockets.look(WEB, 8, copy, "").proof().inode())
          .isNotZero();
      Sockets.listen(fd, 1, "test");
      assertThat(OfferedSockets.look(WEB, 7, fd, "").listening()).isTrue();
    }
  }

  @Test
  void whatIsNoSocketIsNothingThatWasLent() throws Exception {
    try (OwnedFd file = OwnedFd.openForReading("/dev/null")) {
      Offered offered = OfferedSockets.look(WEB, 7, file, "tcp:127.0.0.1:80");
      assertThat(offered.endpoint()).isEqualTo("no such socket, but a device");
      assertThat(offered.proof()).isEqualTo(SocketProof.NONE);
    }
  }

  @Test
  void aUnixSocketThatWasRenamedHasTheNameThatItWasGiven() throws Exception {
    Path born = directory.resolve(".hf4711");
    Path path = directory.resolve("app");
    try (OwnedFd fd = Sockets.openUnix(Sockets.Kind.STREAM)) {
      Sockets.bind(fd, new UnixAddress.Path(born), "test");
      Files.move(born, path);
      assertThat(OfferedSockets.look(WEB, 7, fd, "unix:" + path).endpoint())
          .isEqualTo("unix:" + path);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "unix:/run/.hf7, unix:/run/app, unix:/run/app",
    "unix:/.hf7, unix:/app, unix:/app",
    "seqpacket:/run/.hf7, seqpacket:/run/app, seqpacket:/run/app",
    "unix:/run/.hf7, seqpacket:/run/app, unix:/run/.hf7",
    "unix:/run/.hf7, unix:/run/x/app, unix:/run/.hf7",
    "unix:/run/.hf7, unix:/app, unix:/run/.hf7",
    "unix:/run/.hf7x, unix:/run/app, unix:/run/.hf7x",
    "unix:/run/other, unix:/run/app, unix:/run/other",
    "unix:@.hf7, unix:@app, unix:@.hf7",
    "tcp:127.0.0.1:80, unix:/run/app, tcp:127.0.0.1:80"
  })
  void onlyARenamedOneMayHaveAnotherName(String own, String claimed, String result) {
    assertThat(OfferedSockets.endpoint(own, claimed)).isEqualTo(result);
  }
}
