package dev.holdfast.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class PlaceholdersTest {

  @Test
  void eachNameBecomesTheNumberOfItsFirstSocket() {
    List<String> names = List.of("web", "web", "tls");
    assertThat(Placeholders.replace("--fd={fd:tls},{fd:web}!", names, 3)).isEqualTo("--fd=5,3!");
    assertThat(Placeholders.replace("{fd:web}", names, 0)).isEqualTo("0");
    assertThat(Placeholders.replace("{} ${x} {fd", names, 3)).isEqualTo("{} ${x} {fd");
  }

  @Test
  void anObjectOfJavaScriptIsLeftAlone() throws Exception {
    String script = "listen({fd: {fd:web}}); other.listen({fd: 9})";
    Placeholders.check(script, List.of("web"));
    assertThat(Placeholders.replace(script, List.of("web"), 3))
        .isEqualTo("listen({fd: 3}); other.listen({fd: 9})");
  }

  @Test
  void aNameThatWasNotAskedForIsAMistake() {
    assertThatThrownBy(() -> Placeholders.check("a{fd:web}b{fd:wbe}", List.of("web")))
        .isInstanceOf(Failure.class)
        .hasMessageContaining("\"wbe\" is not among the names");
    assertThatThrownBy(() -> Placeholders.check("{fd:web", List.of("web")))
        .hasMessageContaining("the closing } is missing");
    assertThatCode(() -> Placeholders.check("{fd:web}{fd:web}", List.of("web")))
        .doesNotThrowAnyException();
  }
}
