package dev.holdfast.listener;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PortCandidatesTest {

  private static final EtcServices SERVICES =
      EtcServices.parse(
          """
          ftp-data  20/tcp
          ftp       21/tcp
          domain    53/tcp
          domain    53/udp
          http      80/tcp  www
          http-alt  8080/tcp
          """);

  @Test
  void offersAFixedPortOnce() throws Exception {
    assertThat(all("8080", 1)).containsExactly(8080);
  }

  @Test
  void looksUpServicesAndTheirAliases() throws Exception {
    assertThat(all("www", 1)).containsExactly(80);
    assertThat(all("udp:domain", 1)).containsExactly(53);
    assertThat(all("ftp-data/ftp", 1)).containsExactlyInAnyOrder(20, 21);
  }

  @Test
  void offersEachPortOfARangeOnce() throws Exception {
    assertThat(all("http/90", 7))
        .containsExactlyInAnyOrderElementsOf(IntStream.rangeClosed(80, 90).boxed().toList());
    assertThat(all("65535/65535", 7)).containsExactly(65535);
    assertThat(all("1/65535", 7)).hasSize(65535).doesNotHaveDuplicates();
  }

  @Test
  void offersEachEphemeralPortOnce() throws Exception {
    List<Integer> ports = all("0W", 7);

    assertThat(ports)
        .hasSize(60999 - 32768 + 1)
        .doesNotHaveDuplicates()
        .allMatch(port -> port >= 32768 && port <= 60999);
  }

  @Test
  void makesEveryOrderOfARangeEquallyLikely() throws Exception {
    Map<List<Integer>, Integer> orders = new HashMap<>();
    Random random = new Random(42);
    for (int i = 0; i < 6000; i++) {
      orders.merge(drain(candidates("80/82", random)), 1, Integer::sum);
    }

    assertThat(orders).hasSize(6);
    assertThat(orders.values()).allMatch(times -> times > 850 && times < 1150);
  }

  @Test
  void endsWhenAllWereTried() throws Exception {
    PortCandidates candidates = candidates("80/81", new Random(1));
    assertThat(candidates.count()).isEqualTo(2);
    candidates.nextInt();
    candidates.nextInt();

    assertThat(candidates.hasNext()).isFalse();
    assertThatThrownBy(candidates::nextInt).isInstanceOf(NoSuchElementException.class);
  }

  @Test
  void suggestsTheServiceThatWasMeant() {
    assertThatExceptionOfType(InvalidSpecException.class)
        .isThrownBy(() -> all("localhost:htp", 1))
        .withMessage(
            "listen spec \"localhost:htp\": position 10: the services database (/etc/services) has"
                + " no service \"htp\" for tcp; did you mean \"http\"?")
        .matches(e -> e.position() == 10);
    assertThatExceptionOfType(InvalidSpecException.class)
        .isThrownBy(() -> all("-[::1]:80/http-atl", 1))
        .withMessageEndingWith("did you mean \"http-alt\"?")
        .matches(e -> e.position() == 10);
  }

  @Test
  void looksUpAServiceUnderItsProtocol() {
    assertThatExceptionOfType(InvalidSpecException.class)
        .isThrownBy(() -> all("udp:http", 1))
        .withMessageEndingWith("has no service \"http\" for udp");
  }

  @Test
  void refusesARangeThatRunsDownwardsOnceItsServicesAreNumbers() {
    assertThatExceptionOfType(InvalidSpecException.class)
        .isThrownBy(() -> all("127.0.0.1:http/ftp", 1))
        .withMessageEndingWith("position 10: the range runs downwards: from 80 to 21");
  }

  private static List<Integer> all(String spec, long seed) throws InvalidSpecException {
    return drain(candidates(spec, new Random(seed)));
  }

  private static PortCandidates candidates(String spec, Random random) throws InvalidSpecException {
    return PortCandidates.of((ListenSpec.Inet) ListenSpec.parse(spec), SERVICES, random);
  }

  private static List<Integer> drain(PortCandidates candidates) {
    List<Integer> ports = new ArrayList<>();
    candidates.forEachRemaining((int port) -> ports.add(port));
    return ports;
  }
}
