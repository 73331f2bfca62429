package dev.holdfast.broker.badpeers;

import static dev.holdfast.broker.badpeers.Siege.CONTROL;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.BrokerProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** An operator that never stops. */
@Timeout(300)
class ListenAndCloseIT {

  private static final int CYCLES = 10_000;

  @RegisterExtension final Siege siege = new Siege();

  @Test
  void tenThousandListenersComeAndGoAndNothingGrows() throws Exception {
    BrokerProcess broker = siege.start();
    try (BadPeer peer = BadPeer.connect(broker.socket())) {
      cycle(broker, peer, CYCLES); // by then the JVM has compiled what it compiles
      long descriptors = broker.fdCount();
      long kibibytes = residentKibibytes(broker.pid());
      cycle(broker, peer, CYCLES);
      // The neighbour has some open at some moments.
      assertThat(broker.fdCount()).as("descriptors").isLessThanOrEqualTo(descriptors + 4);
      // The heap breathes; ten thousand of anything that stayed would show.
      assertThat(residentKibibytes(broker.pid()))
          .as("KiB resident, after %s before", kibibytes)
          .isLessThan(kibibytes + (24 << 10));
    }
  }

  private static void cycle(BrokerProcess broker, BadPeer peer, int count) throws IOException {
    String[] specs = {
      "127.0.0.1:0W",
      "udp:127.0.0.1:0W",
      "unix:" + broker.directory().resolve("u"),
      "unix:@hf-" + broker.pid()
    };
    for (int i = 0; i < count; i++) {
      String spec = specs[i % specs.length];
      peer.send(BadPeer.call(CONTROL + "Listen", "{\"name\":\"x\",\"spec\":\"" + spec + "\"}"));
      assertThat(peer.error()).as(spec).isEqualTo("no error");
      peer.send(BadPeer.call(CONTROL + "Close", "{\"name\":\"x\"}"));
      assertThat(peer.error()).as(spec).isEqualTo("no error");
    }
  }

  private static long residentKibibytes(int pid) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + pid + "/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .map(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
        .findFirst()
        .orElseThrow();
  }
}
