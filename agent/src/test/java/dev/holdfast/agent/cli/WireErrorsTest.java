package dev.holdfast.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.varlink.InterfaceDescription;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class WireErrorsTest {

  private static Set<String> described() {
    Set<String> errors = new TreeSet<>();
    for (String name :
        Set.of("dev.holdfast.Worker", "dev.holdfast.Control", "org.varlink.service")) {
      InterfaceDescription.loadResource(name)
          .errors()
          .keySet()
          .forEach(error -> errors.add(name + "." + error));
    }
    return errors;
  }

  @Test
  void everyErrorOfTheInterfacesHasAnEntryAndNoOtherHas() {
    assertThat(WireErrors.known()).containsExactlyInAnyOrderElementsOf(described());
  }

  @Test
  void everyErrorIsReadableEvenWithoutItsParameters() {
    for (String error : described()) {
      Failure failure =
          WireErrors.failure("close web", new VarlinkException(error, JsonObject.EMPTY));
      assertThat(failure.line())
          .startsWith("close web: ")
          .doesNotContain("null")
          .doesNotContain("\n");
      assertThat(failure.error()).isEqualTo(error);
      assertThat(failure.exitCode()).isNotEqualTo(ExitCode.OK);
    }
  }

  @Test
  void anErrorOfANewerBrokerIsShownAsItIs() {
    Failure failure =
        WireErrors.failure(
            "close web",
            new VarlinkException("dev.holdfast.Control.Novel", JsonObject.of("name", "web")));
    assertThat(failure.exitCode()).isEqualTo(ExitCode.REFUSED);
    assertThat(failure.line()).contains("dev.holdfast.Control.Novel").contains("web");
  }

  @Test
  void aFailedRestartSaysWhyAndBelowItWhatTheWorkerWrote() {
    Failure failure =
        WireErrors.failure(
            "restart shop",
            new VarlinkException(
                "dev.holdfast.Control.RestartFailed",
                JsonObject.of(
                    "service",
                    "shop",
                    "reason",
                    "worker 7 exited with code 1 before it was ready\nbad key\033[31m\n  at x\n")));
    assertThat(failure.line())
        .isEqualTo("restart shop: worker 7 exited with code 1 before it was ready");
    assertThat(failure.details()).containsExactly("bad key?[31m", "  at x");
    assertThat(failure.exitCode()).isEqualTo(ExitCode.REFUSED);
  }

  @Test
  void whatIsOverBySoonIsWorthAnotherTry() {
    JsonObject busy = JsonObject.of("service", "shop", "operation", "restart");
    Failure failure =
        WireErrors.failure(
            "stop shop", new VarlinkException("dev.holdfast.Control.ServiceBusy", busy));
    assertThat(failure.line()).startsWith("stop shop: a restart of shop is under way");
    assertThat(failure.exitCode().number()).isEqualTo(75);
  }

  @Test
  void aWrongSpecIsPointedAt() {
    Failure failure =
        WireErrors.failure(
            "listen web 127.0.0.1:http2",
            new VarlinkException(
                "dev.holdfast.Control.InvalidSpec",
                JsonObject.of(
                    "spec", "127.0.0.1:http2", "position", 10, "message", "no such service")));
    assertThat(failure.line()).contains("at character 11 (\"http2\"): no such service");
    assertThat(failure.exitCode()).isEqualTo(ExitCode.USAGE);
  }

  @Test
  void aFailedBindNamesTheErrnoOnce() {
    Failure failure =
        WireErrors.failure(
            "listen web 80",
            new VarlinkException(
                "dev.holdfast.Control.BindFailed",
                JsonObject.builder()
                    .put("name", "web")
                    .put("endpoint", "tcp:[::]:80")
                    .put("errno", "EACCES")
                    .put("message", "bind tcp:[::]:80: EACCES (Permission denied); run as root")
                    .build()));
    assertThat(failure.line())
        .isEqualTo("listen web 80: bind tcp:[::]:80: EACCES (Permission denied); run as root");
  }
}
