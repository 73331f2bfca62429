package dev.holdfast.listener;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.Inet6Address;
import java.net.InetAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EndpointTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          tcp:127.0.0.1:8080     | TCP           | stream    | 8080
          tcp:[::]:80            | TCP           | stream    | 80
          udp:[fe80::1%2]:53     | UDP           | datagram  | 53
          tcp:[::ffff:a00:1]:80  | TCP           | stream    | 80
          unix:/run/web.sock     | UNIX          | stream    |
          unix:@kx.5010          | UNIX          | stream    |
          seqpacket:/run/jobs    | SEQPACKET     | seqpacket |
          unixgram:/run/log      | UNIX_DATAGRAM | datagram  |
          """)
  void readsBackItsWireForm(String text, Transport transport, String kind, Integer port) {
    Endpoint endpoint = Endpoint.parse(text);

    assertThat(endpoint).hasToString(text).isEqualTo(Endpoint.parse(text));
    assertThat(endpoint.transport()).isEqualTo(transport);
    assertThat(endpoint.transport().kind()).isEqualTo(kind);
    assertThat(endpoint.portNumber().isPresent()).isEqualTo(port != null);
    if (port != null) {
      assertThat(endpoint.portNumber()).hasValue(port);
    }
  }

  @Test
  void carriesTheScopeInTheAddress() {
    InetEndpoint endpoint = (InetEndpoint) Endpoint.parse("tcp:[fe80::1%2]:80");

    assertThat(((Inet6Address) endpoint.address()).getScopeId()).isEqualTo(2);
    assertThat(endpoint).isNotEqualTo(Endpoint.parse("tcp:[fe80::1%3]:80"));
    assertThat(new InetEndpoint(Transport.TCP, endpoint.address(), 80)).isEqualTo(endpoint);
  }

  @Test
  void forgetsTheHostNameOfAnAddress() throws Exception {
    InetAddress named = InetAddress.getByAddress("web", new byte[] {127, 0, 0, 1});

    assertThat(new InetEndpoint(Transport.TCP, named, 80)).hasToString("tcp:127.0.0.1:80");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "tcp",
        "tcp:",
        "tcp:80",
        "tcp:localhost:80",
        "tcp:127.0.0.1",
        "tcp:127.0.0.1:0",
        "tcp:127.0.0.1:65536",
        "tcp:127.0.0.1:080",
        "tcp:127.0.0.1:80 ",
        "tcp:[127.0.0.1]:80",
        "tcp:::1:80",
        "tcp:[fe80::1%eth0]:80",
        "tcp:[fe80::1%]:80",
        "tcp:[::1:80",
        "tcp:[:80",
        "TCP:127.0.0.1:80",
        "unix:",
        "unix:run/x",
        "unix:@",
        "http://127.0.0.1:80"
      })
  void refusesWhatIsNoEndpoint(String text) {
    assertThatIllegalArgumentException().isThrownBy(() -> Endpoint.parse(text));
  }
}
