package dev.holdfast.broker.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.WorkerState;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.varlink.Json;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ListingTest {

  private static final int FRAME = 1 << 20;

  private static Answer.ServiceView service(String name, int workers, String status) {
    List<Answer.WorkerView> processes = new ArrayList<>();
    for (int i = 1; i <= workers; i++) {
      processes.add(
          new Answer.WorkerView(
              i,
              new LeaseId("abcdef-" + i),
              1_000_000 + i,
              7,
              WorkerState.STARTING,
              Instant.ofEpochSecond(1_700_000_000),
              status));
    }
    return new Answer.ServiceView(
        name, "starting", workers, 0, 7, 0, false, Optional.empty(), null, List.of(), processes);
  }

  private static List<Listing> parts(Answer.ServiceView... services) {
    return Listing.parts(new Answer.Listing(List.of(), List.of(), List.of(), List.of(services)));
  }

  private static int written(Listing part) {
    return part.services().stream()
        .mapToInt(service -> Json.bytes(Wire.service(service)).length + 1)
        .sum();
  }

  @Test
  void anEmptyBrokerIsOnePart() {
    assertThat(parts()).hasSize(1);
  }

  @Test
  void smallServicesShareAPartAndStayWhole() {
    List<Listing> parts = parts(service("a", 3, "ok"), service("b", 0, "ok"));
    assertThat(parts).hasSize(1);
    assertThat(parts.get(0).services())
        .extracting(each -> each.processes().size())
        .containsExactly(3, 0);
  }

  @Test
  void aThousandWorkersThatTellAboutThemselvesFitIntoFrames() {
    for (String status : List.of("", "x".repeat(4000), "\u0001".repeat(4000), "é".repeat(2000))) {
      Answer.ServiceView large = service("large", 1000, status);
      List<Listing> parts = parts(service("a", 1, "ok"), large, service("z", 1, "ok"));
      assertThat(parts).allSatisfy(part -> assertThat(written(part)).isLessThan(FRAME));
      List<Answer.WorkerView> told =
          parts.stream()
              .flatMap(part -> part.services().stream())
              .filter(each -> each.name().equals("large"))
              .flatMap(each -> each.processes().stream())
              .toList();
      assertThat(told).isEqualTo(large.processes());
    }
  }
}
