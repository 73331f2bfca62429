package dev.holdfast.broker.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.broker.core.Caller;
import dev.holdfast.broker.core.Event;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ServiceCallsTest {

  private static final Caller ROOT = new Caller(1, 2, 0, 0, List.of());
  private static final JsonObject SHOP = JsonObject.of("service", "shop");

  @Test
  void aRestartIsOneAfterTheOtherUnlessSaidOtherwise() throws Exception {
    assertThat(ServiceCalls.restart(ROOT, SHOP))
        .isEqualTo(new Event.Restart(ROOT, "shop", false, Optional.empty()));
    JsonObject hurried =
        JsonObject.of("service", "shop", "allAtOnce", true, "readyTimeoutUsec", "1500000");
    assertThat(ServiceCalls.restart(ROOT, hurried))
        .isEqualTo(new Event.Restart(ROOT, "shop", true, Optional.of(Duration.ofMillis(1500))));
  }

  @Test
  void stopStartAndScaleNameTheService() throws Exception {
    assertThat(ServiceCalls.stop(ROOT, SHOP)).isEqualTo(new Event.Stop(ROOT, "shop"));
    assertThat(ServiceCalls.start(ROOT, SHOP)).isEqualTo(new Event.Start(ROOT, "shop"));
    assertThat(ServiceCalls.scale(ROOT, JsonObject.of("service", "shop", "count", 1000)))
        .isEqualTo(new Event.Scale(ROOT, "shop", 1000));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, 1001, Integer.MAX_VALUE + 2L, Long.MAX_VALUE})
  void aNumberOfWorkersThatCannotBeIsRefused(long count) {
    assertThatThrownBy(
            () -> ServiceCalls.scale(ROOT, JsonObject.of("service", "shop", "count", count)))
        .isInstanceOfSatisfying(VarlinkException.class, e -> assertWrong(e, "count"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "0", "-1", "soon", "1.5", "9223372036854775807", "92233720368547758070"})
  void aTimeThatCannotBeIsRefused(String usec) {
    assertThatThrownBy(
            () ->
                ServiceCalls.restart(
                    ROOT, JsonObject.of("service", "shop", "readyTimeoutUsec", usec)))
        .isInstanceOfSatisfying(VarlinkException.class, e -> assertWrong(e, "readyTimeoutUsec"));
  }

  @ParameterizedTest
  @CsvSource({"''", "'a\nb'", "'\u001b[31m'"})
  void aNameThatNoServiceHasIsRefused(String name) {
    assertThatThrownBy(() -> ServiceCalls.stop(ROOT, JsonObject.of("service", name)))
        .isInstanceOfSatisfying(VarlinkException.class, e -> assertWrong(e, "service"));
  }

  private static void assertWrong(VarlinkException e, String parameter) {
    assertThat(e.error()).isEqualTo("org.varlink.service.InvalidParameter");
    assertThat(Json.write(e.parameters())).isEqualTo("{\"parameter\":\"" + parameter + "\"}");
  }
}
