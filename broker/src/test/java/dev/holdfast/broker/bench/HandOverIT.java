package dev.holdfast.broker.bench;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** From a fresh connection to the descriptor in hand, as a client in C sees it. */
@Tag("bench")
@Timeout(600)
class HandOverIT {
  private static final int WARM_UP = 20_000;
  private static final int ROUNDS = 11;
  private static final int TAKES = 2_000;

  @RegisterExtension final Brokers brokers = new Brokers();
  @RegisterExtension final Report report = new Report();

  private CProgram client;

  @Test
  void handsOverNearlyAsFastAsTheSameInC() throws Exception {
    client = brokers.keep(CProgram.compile("handover"));
    BrokerProcess broker = brokers.start("web");
    BrokerProcess thousand = loaded(1_000);
    BrokerProcess tenThousand = loaded(10_000);
    Path yardstick = broker.directory().resolve("yardstick.sock");
    brokers.keep(client.start("serve", yardstick));
    for (Path each :
        new Path[] {broker.socket(), thousand.socket(), tenThousand.socket(), yardstick}) {
      take(each, WARM_UP);
    }

    Samples inC = new Samples("µs");
    Samples empty = new Samples("µs");
    Samples withThousand = new Samples("µs");
    Samples withTenThousand = new Samples("µs");
    for (int round = 0; round < ROUNDS; round++) {
      inC.add(take(yardstick, TAKES));
      empty.add(take(broker.socket(), TAKES));
      withThousand.add(take(thousand.socket(), TAKES));
      withTenThousand.add(take(tenThousand.socket(), TAKES));
    }
    report.ratio("hand-over, p50, against a pair in C", empty, inC, Goal.atMost(2));
    report.ratio(
        "with 1,000 listeners and 1,000 leases, against none",
        withThousand,
        empty,
        Goal.atMost(1.5));
    report.ratio(
        "with 10,000 listeners and 10,000 leases, against none",
        withTenThousand,
        empty,
        Goal.atMost(2));
  }

  /** Not under the check for leaks: its leases are more than one reply of List can hold. */
  private record Ended(BrokerProcess broker) implements AutoCloseable {
    @Override
    public void close() throws IOException {
      broker.close();
    }
  }

  /** With that many listeners, and one lease on each. */
  private BrokerProcess loaded(int count) throws Exception {
    BrokerProcess broker = BrokerProcess.start("web");
    brokers.keep(new Ended(broker));
    String unique = "@holdfast-bench-" + broker.pid() + "-";
    for (int i = 0; i < count; i++) {
      broker.control("Listen", JsonObject.of("name", "l" + i, "spec", "unix:" + unique + i));
    }
    brokers.keep(client.start("hold", broker.socket(), "l#", count));
    return broker;
  }

  private double take(Path socket, int count) throws Exception {
    return client.run("take", socket, "web", count)[0] / 1000;
  }
}
