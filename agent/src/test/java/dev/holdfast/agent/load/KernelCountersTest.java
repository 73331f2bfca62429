package dev.holdfast.agent.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class KernelCountersTest {
  @Test
  void readsTheGroupAndSubtracts() throws IOException {
    KernelCounters earlier = parse("TcpExt: ListenOverflows Other", "TcpExt: 3 1");
    KernelCounters later =
        parse("IpExt: A", "IpExt: 1", "TcpExt: ListenOverflows ListenDrops", "TcpExt: 10 4");

    assertThat(later.since(earlier).listenOverflows()).isEqualTo(7);
    assertThat(later.since(earlier).listenDrops()).isEqualTo(4);
    assertThat(later.requestQueueFullDrops()).isZero();
  }

  @Test
  void refusesAFileWithoutTheGroup() {
    assertThatThrownBy(() -> parse("IpExt: A", "IpExt: 1"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("TcpExt");
  }

  @Test
  void seesAnAcceptQueueOverflow() throws Exception {
    try (TestServer full = TestServer.tcpThatNeverAccepts()) {
      SocketAddress target = full.address();
      KernelCounters before = KernelCounters.read();
      LoadPlan plan =
          LoadPlan.against(target)
              .withConnections(8)
              .withTimeouts(Duration.ofMillis(50), Duration.ofMillis(50));
      try (LoadGenerator load = LoadGenerator.start(plan)) {
        assertThat(load.await().count(Outcome.CONNECT_TIMED_OUT)).isPositive();
      }
      int self = (int) ProcessHandle.current().pid();

      assertThat(KernelCounters.ofProcess(self).since(before).listenDrops()).isPositive();
    }
  }

  private static KernelCounters parse(String... lines) throws IOException {
    return KernelCounters.parse(List.of(lines), "a test");
  }
}
