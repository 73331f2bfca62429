package dev.holdfast.agent.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import org.junit.jupiter.api.Test;

class ListeningSocketTest {

  @Test
  void findsTheInodeOfTheOneThatListens() {
    List<String> rows =
        List.of(
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100",
            "   1: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100",
            "   2: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20");
    assertThat(ListeningSocket.inode(rows.stream(), 8080)).hasValue(4711);
    assertThat(ListeningSocket.inode(rows.stream(), 8082)).isEmpty();
  }

  @Test
  void seesWhoHoldsIt() throws Exception {
    try (ServerSocket listening = new ServerSocket()) {
      listening.bind(new java.net.InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0));
      ListeningSocket.inode(listening.getLocalPort())
          .ifPresent( // a JVM that prefers IPv6 has it in another table
              inode ->
                  assertThat(ListeningSocket.isHeldBy(ProcessHandle.current().pid(), inode))
                      .isTrue());
      assertThat(ListeningSocket.isHeldBy(ProcessHandle.current().pid(), 1)).isFalse();
    }
  }
}
