package dev.holdfast.listener;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EtcServicesTest {

  @TempDir Path directory;

  private static final EtcServices SERVICES =
      EtcServices.parse(
          """
          # Network services, Internet style
          discard\t\t9/tcp\t\tsink null
          discard\t\t9/udp\t\tsink null
            http     80/tcp   www    # WorldWideWeb HTTP
          whois++    63/tcp
          www        8000/tcp
          sctp-only  5000/sctp

          broken
          broken     tcp
          broken     /tcp
          broken     80/
          broken     0/tcp
          broken     65536/tcp
          broken     80x/tcp
          #http-alt  8080/tcp
          """);

  @Test
  void findsNamesAndAliasesByProtocol() {
    assertThat(SERVICES.port("discard", "tcp")).hasValue(9);
    assertThat(SERVICES.port("null", "udp")).hasValue(9);
    assertThat(SERVICES.port("whois++", "tcp")).hasValue(63);
    assertThat(SERVICES.port("http", "udp")).isEmpty();
    assertThat(SERVICES.port("sctp-only", "tcp")).isEmpty();
    assertThat(SERVICES.port("HTTP", "tcp")).isEmpty();
  }

  @Test
  void takesTheFirstLineThatMatches() {
    assertThat(SERVICES.port("www", "tcp")).hasValue(80);
  }

  @Test
  void passesOverCommentsAndLinesThatMakeNoSense() {
    assertThat(SERVICES.names("tcp"))
        .containsExactlyInAnyOrder("discard", "sink", "null", "http", "www", "whois++");
  }

  @Test
  void isEmptyWhereThereIsNoFile() throws IOException {
    assertThat(EtcServices.read(directory.resolve("services")).names("tcp")).isEmpty();
  }

  @Test
  void readsAFileInAnyEncoding() throws IOException {
    Path file = directory.resolve("services");
    Files.write(file, new byte[] {'#', (byte) 0xe9, '\n', 'a', ' ', '7', '/', 't', 'c', 'p', '\n'});

    assertThat(EtcServices.read(file).port("a", "tcp")).hasValue(7);
  }

  @Test
  void saysThatAFileCannotBeRead() {
    assertThatThrownBy(() -> EtcServices.read(directory)).isInstanceOf(IOException.class);
  }
}
