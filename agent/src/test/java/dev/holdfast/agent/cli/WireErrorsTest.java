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
