package dev.holdfast.listener;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.holdfast.fd.UnixAddress;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The grammar by example: what may be written, what it means, and what the errors say. */
class ListenSpecExamplesTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          # written                | canonical                | transport, host, ports
          8080                     | 8080                     | TCP * 8080
          *:8080                   | 8080                     | TCP * 8080
          localhost:8080           | localhost:8080           | TCP localhost 8080
          LocalHost:8080           | localhost:8080           | TCP localhost 8080
          web.example.org.:80      | web.example.org.:80      | TCP web.example.org. 80
          127.0.0.1:80             | 127.0.0.1:80             | TCP 127.0.0.1 80
          0.0.0.0:80               | 0.0.0.0:80               | TCP 0.0.0.0 80
          [::]:80                  | [::]:80                  | TCP [::] 80
          [0:0:0:0:0:0:0:1]:80     | [::1]:80                 | TCP [::1] 80
          [2001:DB8::0:1]:80       | [2001:db8::1]:80         | TCP [2001:db8::1] 80
          [::ffff:10.0.0.1]:80     | [::ffff:a00:1]:80        | TCP [::ffff:a00:1] 80
          [fe80::1%eth0]:80        | [fe80::1%eth0]:80        | TCP [fe80::1%eth0] 80
          [fe80::1%2]:80           | [fe80::1%2]:80           | TCP [fe80::1%2] 80
          https                    | https                    | TCP * https
          localhost:commplex-main  | localhost:commplex-main  | TCP localhost commplex-main
          3com-tsmux               | 3com-tsmux               | TCP * 3com-tsmux
          8000/8010                | 8000/8010                | TCP * 8000/8010
          80/80                    | 80/80                    | TCP * 80/80
          http/8080                | http/8080                | TCP * http/8080
          8000/http-alt            | 8000/http-alt            | TCP * 8000/http-alt
          ftp-data/ftp             | ftp-data/ftp             | TCP * ftp-data/ftp
          0W                       | 0W                       | TCP * 0W
          0w                       | 0W                       | TCP * 0W
          localhost:0W             | localhost:0W             | TCP localhost 0W
          -5000                    | -5000                    | TCP * 5000 multithreaded
          -localhost:5000          | -localhost:5000          | TCP localhost 5000 multithreaded
          localhost:-5000          | -localhost:5000          | TCP localhost 5000 multithreaded
          -0W                      | -0W                      | TCP * 0W multithreaded
          -8000/8010               | -8000/8010               | TCP * 8000/8010 multithreaded
          rp,8080                  | rp,8080                  | TCP * 8080 shards
          rp,[::1]:http/8080       | rp,[::1]:http/8080       | TCP [::1] http/8080 shards
          -rp,*:8080               | -rp,8080                 | TCP * 8080 shards multithreaded
          rp,-8080                 | -rp,8080                 | TCP * 8080 shards multithreaded
          udp:53                   | udp:53                   | UDP * 53
          udp:*:domain             | udp:domain               | UDP * domain
          udp:[::1]:5000/5010      | udp:[::1]:5000/5010      | UDP [::1] 5000/5010
          rp,udp:127.0.0.1:0W      | rp,udp:127.0.0.1:0W      | UDP 127.0.0.1 0W shards
          udp.:53                  | udp.:53                  | TCP udp. 53
          """)
  void readsPorts(String written, String canonical, String meaning) throws Exception {
    ListenSpec.Inet spec = (ListenSpec.Inet) ListenSpec.parse(written);

    assertThat(spec).hasToString(canonical);
    assertThat(
            spec.transport()
                + " "
                + spec.host()
                + " "
                + spec.ports()
                + (spec.reusePort() ? " shards" : "")
                + (spec.multithreaded() ? " multithreaded" : ""))
        .isEqualTo(meaning);
    assertThat(ListenSpec.parse(canonical)).isEqualTo(spec);
  }

  @Test
  void readsUnixSockets() throws Exception {
    assertThat(ListenSpec.parse("unix:/run/web.sock"))
        .isEqualTo(
            new ListenSpec.Unix(
                Transport.UNIX, false, new UnixAddress.Path(Path.of("/run/web.sock"))));
    assertThat(ListenSpec.parse("unix:@/tmp/kx.5010"))
        .isEqualTo(
            new ListenSpec.Unix(Transport.UNIX, false, new UnixAddress.Abstract("/tmp/kx.5010")));
    assertThat(ListenSpec.parse("-seqpacket:@jobs: 1, 2"))
        .isEqualTo(
            new ListenSpec.Unix(Transport.SEQPACKET, true, new UnixAddress.Abstract("jobs: 1, 2")));
    assertThat(ListenSpec.parse("seqpacket://run//jobs")).hasToString("seqpacket:/run/jobs");
  }

  @Test
  void readsZeroAsStopped() throws Exception {
    assertThat(ListenSpec.parse("0")).isEqualTo(new ListenSpec.Stopped()).hasToString("0");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          # written         | at | says
          ``                |  0 | it is empty; write a port such as 8080, or 0 to stop listening
          127.0.0.1:99999   | 10 | port 99999 is not in 1–65535
          65536             |  0 | port 65536 is not in 1–65535
          080               |  0 | a port is written without leading zeros
          00                |  0 | a port is written without leading zeros
          localhost:0       | 10 | write 0 alone to stop listening, or 0W for a random free port
          -0                |  1 | write 0 alone to stop listening, or 0W for a random free port
          udp:0             |  4 | write 0 alone to stop listening, or 0W for a random free port
          0/80              |  0 | port 0 is not in 1–65535
          80/0              |  3 | port 0 is not in 1–65535
          80/0W             |  3 | 0W is no end of a range
          0W/80             |  0 | 0W is no end of a range
          8010/8000         |  0 | the range runs downwards; write 8000/8010
          80/               |  3 | a port or a service name is missing
          /80               |  0 | a port or a service name is missing
          80/81/82          |  5 | '/' cannot stand in a port or a service name
          80/-81            |  3 | '-' cannot stand in a port or a service name
          localhost:        | 10 | a port or a service name is missing
          -                 |  1 | a port or a service name is missing
          rp,               |  3 | a port or a service name is missing
          --80              |  1 | there is a '-' in front already
          -localhost:-80    | 11 | there is a '-' in front already
          :80               |  0 | there is no host before ':'; for all interfaces leave out the ':' too
          `8080 `           |  4 | ' ' cannot stand in a port or a service name
          ` 8080`           |  0 | ' ' cannot stand in a port or a service name
          8080,rp           |  4 | ',' cannot stand in a port or a service name
          localhost:rp,80   | 10 | "rp," goes in front of the host
          127.0.0.1:80:90   | 12 | ':' cannot stand in a port or a service name
          ::1               |  0 | an IPv6 address goes in brackets: [::1]:8080
          ::1:8080          |  0 | an IPv6 address goes in brackets: [::1]:8080
          fe80::1:http      |  0 | an IPv6 address goes in brackets: [::1]:8080
          [::1              |  0 | '[' has no ']'
          [::1]             |  5 | after ']' come ':' and a port
          [::1]80           |  5 | after ']' come ':' and a port
          []:80             |  1 | "" is not an IPv6 address
          [:::1]:80         |  1 | ":::1" is not an IPv6 address
          [1::2::3]:80      |  1 | "1::2::3" is not an IPv6 address
          [1:2:3:4:5:6:7]:8 |  1 | "1:2:3:4:5:6:7" is not an IPv6 address
          [12345::]:80      |  1 | "12345::" is not an IPv6 address
          [127.0.0.1]:80    |  1 | "127.0.0.1" is not an IPv6 address
          [fe80::1%]:80     |  9 | after '%' comes the name or number of a network interface
          127.0.0.256:80    |  0 | "127.0.0.256" is not an IPv4 address of four numbers in 0–255
          127.1:80          |  0 | "127.1" is not an IPv4 address of four numbers in 0–255
          010.0.0.1:80      |  0 | "010.0.0.1" is not an IPv4 address of four numbers in 0–255
          0x7f000001:80     |  0 | "0x7f000001" is not an IPv4 address of four numbers in 0–255
          my host:80        |  0 | "my host" is not a host name
          a..b:80           |  0 | "a..b" is not a host name
          tcp:80            |  0 | a TCP listener is written without "tcp:"
          UDP:53            |  0 | write "udp:" in lower case
          -udp:53           |  0 | UDP has no connections to give threads to; leave out the '-'
          udp:-53           |  4 | UDP has no connections to give threads to; leave out the '-'
          rp,unix:/run/x    |  0 | a Unix socket has no SO_REUSEPORT shards; leave out "rp,"
          unix:             |  5 | write a path that starts with '/', or '@' and a name of the abstract namespace
          unix:run/x        |  5 | write a path that starts with '/', or '@' and a name of the abstract namespace
          unix:@            |  6 | a name is missing after '@'
          unix:/            |  5 | the path ends in '/'; a socket is not a directory
          unix:/run/        |  9 | the path ends in '/'; a socket is not a directory
          unixgram:/run/x   |  0 | Unix datagram listeners are not offered; write unix: or seqpacket:
          """)
  void pointsAtWhatIsWrong(String written, int position, String reason) {
    InvalidSpecException error = error(written);

    assertThat(error.reason()).isEqualTo(reason);
    assertThat(error.position()).isEqualTo(position);
    assertThat(error.spec()).isEqualTo(written);
    assertThat(error)
        .hasMessage("listen spec \"" + written + "\": position " + position + ": " + reason);
  }

  @Test
  void measuresUnixNamesInBytesOfUtf8() throws Exception {
    String path = "/" + "p".repeat(106);
    String name = "n".repeat(105) + "é";
    assertThat(ListenSpec.parse("unix:" + path)).hasToString("unix:" + path);
    assertThat(ListenSpec.parse("unix:@" + name)).hasToString("unix:@" + name);

    assertThat(error("unix:" + path + "p").reason())
        .isEqualTo("the path has 108 bytes; the kernel takes 107");
    assertThat(error("seqpacket:@" + name + "n").reason())
        .isEqualTo("the name has 108 bytes; the kernel takes 107");
  }

  @ParameterizedTest
  @ValueSource(strings = {"\0", "\n", "\u007f", "\u0085", "\ud800", "\udc00"})
  void refusesControlCharactersAndHalfCharactersWherever(String character) {
    InvalidSpecException error = error("unix:/run/" + character);

    assertThat(error.position()).isEqualTo(10);
    assertThat(error.getMessage()).doesNotContain(character).contains("\\u");
    assertThat(error("80" + character).position()).isEqualTo(2);
  }

  @Test
  void keepsTheMessageAboutAnEndlessSpecShort() {
    assertThat(error("9".repeat(100_000)).getMessage()).hasSizeLessThan(400);
    assertThat(error("a".repeat(100_000) + ":80").getMessage()).hasSizeLessThan(700);
  }

  @Test
  void refusesToBuildWhatCannotBeWritten() {
    assertThatThrownBy(() -> new Host.Name("unix")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new PortChoice.Fixed(0)).hasMessage("port 0 is not in 1–65535");
    assertThatThrownBy(() -> new PortChoice.Service("0w"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () ->
                new ListenSpec.Inet(
                    Transport.UDP, false, true, new Host.Any(), new PortChoice.Fixed(53)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static InvalidSpecException error(String spec) {
    return catchThrowableOfType(InvalidSpecException.class, () -> ListenSpec.parse(spec));
  }
}
