package dev.holdfast.agent.adopt;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import org.junit.jupiter.api.Test;

class OffersTest {

  private static final int PORT = 8080;

  private static Offer tcp(String name, String host, int port) throws UnknownHostException {
    return new Offer(name, false, InetAddress.getByName(host), port, "", 3);
  }

  private static Offers offers(String options, Offer... offers) {
    return new Offers(Options.parse(options).mappings(), List.of(offers));
  }

  private static Offers.Choice find(Offers offers, String host) throws UnknownHostException {
    return offers.find(false, InetAddress.getByName(host), PORT);
  }

  @Test
  void theSameAddressIsTaken() throws Exception {
    Offer web = tcp("web", "127.0.0.1", PORT);
    Offer six = tcp("six", "::1", PORT);
    Offers offers = offers("", six, web);
    assertThat(find(offers, "127.0.0.1").offer()).isEqualTo(web);
    assertThat(find(offers, "::1").offer()).isEqualTo(six);
    assertThat(find(offers, "127.0.0.2")).isEqualTo(Offers.Choice.NONE);
  }

  @Test
  void allInterfacesAreTheSameInBothFamilies() throws Exception {
    Offer all = tcp("web", "::", PORT);
    assertThat(find(offers("", all), "0.0.0.0").offer()).isEqualTo(all);
  }

  @Test
  void aServerOfAllInterfacesTakesTheOneThatThereIs() throws Exception {
    Offer web = tcp("web", "127.0.0.1", PORT);
    assertThat(find(offers("", web, tcp("other", "::", 9090)), "0.0.0.0").offer()).isEqualTo(web);
  }

  @Test
  void twoThatFitAreRefused() throws Exception {
    Offers offers = offers("", tcp("one", "127.0.0.1", PORT), tcp("two", "127.0.0.2", PORT));
    assertThat(find(offers, "::").refusal()).contains("one tcp:127.0.0.1:8080", "8080=one");
  }

  @Test
  void noMoreIsLetInThanTheServerAskedFor() throws Exception {
    Offer all = tcp("web", "0.0.0.0", PORT);
    assertThat(find(offers("", all), "127.0.0.1").refusal()).contains("tcp:*:8080", "8080=web");
    assertThat(find(offers("8080=web", all), "127.0.0.1").offer()).isEqualTo(all);
  }

  @Test
  void aMapComesFirst() throws Exception {
    Offer web = tcp("web", "127.0.0.1", 80);
    Offers offers = offers("8080=web,8081=gone", web, tcp("other", "127.0.0.1", PORT));
    assertThat(find(offers, "127.0.0.1").offer()).isEqualTo(web);
    assertThat(offers.find(false, InetAddress.getByName("127.0.0.1"), 8081).refusal())
        .contains("no tcp listener gone", "web tcp:127.0.0.1:80");
    assertThat(offers.find(true, InetAddress.getByName("127.0.0.1"), PORT))
        .isEqualTo(Offers.Choice.NONE);
  }

  @Test
  void unixSocketsAreTakenByTheirPaths() {
    Offer local = new Offer("local", false, null, 0, "/run/x", 3);
    assertThat(offers("", local).find("/run/x").offer()).isEqualTo(local);
    assertThat(offers("", local).find("/run/y")).isEqualTo(Offers.Choice.NONE);
    assertThat(offers("unix:/run/y=local", local).find("/run/y").offer()).isEqualTo(local);
  }

  @Test
  void readsTheBrokersEndpoints() throws Exception {
    assertThat(BrokerLink.offer("web", "tcp:127.0.0.1:80"))
        .isEqualTo(tcp("web", "127.0.0.1", 80).acquired(Offer.NOT_ACQUIRED));
    assertThat(BrokerLink.offer("web", "udp:[::1]:53"))
        .extracting(Offer::datagram, Offer::port)
        .containsExactly(true, 53);
    assertThat(BrokerLink.offer("web", "unix:/run/x")).extracting(Offer::path).isEqualTo("/run/x");
    assertThat(BrokerLink.offer("web", "seqpacket:/run/x")).isNull();
  }
}
