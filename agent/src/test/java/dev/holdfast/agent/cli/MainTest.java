package dev.holdfast.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {

  static Stream<String> verbs() {
    return Verbs.NAMES.stream();
  }

  @ParameterizedTest
  @MethodSource("verbs")
  void everyVerbExplainsItselfWithExamplesAndItsJson(String verb) {
    Ran ran = Ran.alone(verb, "--help");
    assertThat(ran.code()).isEqualTo(ExitCode.OK);
    assertThat(ran.out())
        .contains("holdfast " + verb)
        .contains("Examples:")
        .contains("With --json")
        .contains("--socket")
        .isEqualTo(Ran.alone("help", verb).out());
    assertThat(ran.out()).matches(text -> text.chars().allMatch(c -> c < 0x7f), "plain ASCII");
    assertThat(ran.out().lines())
        .allMatch(line -> line.startsWith("  holdfast") || line.length() <= 80);
    assertThat(ran.err()).isEmpty();
  }

  @Test
  void helpListsEachVerbAndEachExitCode() {
    String help = Ran.alone().out();
    assertThat(help).isEqualTo(Ran.alone("--help").out());
    assertThat(Verbs.NAMES).allMatch(verb -> help.contains("  " + verb + " "));
    for (ExitCode code : ExitCode.values()) {
      assertThat(help).contains(" " + code.number() + "  " + code.meaning());
    }
  }

  @Test
  void theVersionIsTheProjects() throws Exception {
    assertThat(Files.readString(Path.of("pom.xml")))
        .contains("<version>" + VersionVerb.VERSION + "</version>");
    assertThat(Ran.alone("--version").out()).isEqualTo("holdfast " + VersionVerb.VERSION + "\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nosuch",
        "list --nosuch",
        "list surplus",
        "listen web",
        "listen web 80 --idle sometimes",
        "listen web 80 --backlog many",
        "listen web 80 --blokcing",
        "close",
        "adopt web",
        "adopt web --pid 0",
        "adopt web --pid many",
        "adopt web --pid 7 --port 0",
        "upgrade now",
        "drain 1 --deadline soon",
        "top --interval soon",
        "top --interval 1ms",
        "restart",
        "restart shop --ready-timeout soon",
        "restart shop --ready-timeout 0s",
        "scale shop",
        "scale shop 0",
        "scale shop -1",
        "scale shop 1001",
        "scale shop many",
        "stop",
        "start shop surplus",
        "store x",
        "store x pom.xml --fd 0",
        "completion fish",
        "help nosuch",
        "exec web",
        "exec web --",
        "exec -- true",
        "exec --fd0 a b -- true",
        "exec --hold forever a -- true",
        "exec --replace a -- true",
        "exec --hold connection --stop-signal QUIT a -- true",
        "exec --stop-signal",
        "exec --env =x a -- true",
        "exec a -- true {fd:b}",
        "retrieve a --",
        "retrieve a -- true {fd:b}"
      })
  void aWrongCommandLineIs64AndOneLine(String words) {
    Ran ran = Ran.alone(words.split(" "));
    assertThat(ran.code()).isEqualTo(ExitCode.USAGE);
    assertThat(ran.err()).startsWith("holdfast: ").endsWith("\n");
    assertThat(ran.err().lines()).hasSize(1);
    assertThat(ran.out()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "listen web -5000",
        "close web",
        "adopt web --pid 7",
        "upgrade",
        "port web",
        "list",
        "status",
        "watch",
        "drain 1",
        "top",
        "restart shop",
        "scale shop 2",
        "stop shop",
        "start shop",
        "reload",
        "store x pom.xml",
        "retrieve x",
        "exec web -- true"
      })
  void withoutABrokerItIs69AndSaysWhatToDo(String words) {
    Ran ran = Ran.alone(words.split(" "));
    assertThat(ran.code()).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(ran.err())
        .startsWith("holdfast: ")
        .contains("ECONNREFUSED")
        .contains("start holdfastd")
        .doesNotContain("\tat ");
    assertThat(ran.err().lines()).hasSize(1);
  }

  @Test
  void aFailureIsJsonWhereJsonWasAskedFor() throws Exception {
    JsonObject error = Json.parse(Ran.alone("list", "--json").err().strip());
    assertThat(error.integer("exitCode")).isEqualTo(69);
    assertThat(error.string("message")).contains("start holdfastd");
  }

  @Test
  void theTraceIsThereForThoseWhoAskForIt() {
    Ran ran =
        Ran.with(Map.of("HOLDFAST_SOCKET", "@holdfast-nobody", "HOLDFAST_DEBUG", "1"), "list");
    assertThat(ran.err()).contains("\tat ");
  }

  @Test
  void aMisspeltVerbGetsTheRightOneNamed() {
    assertThat(Ran.alone("lisen").err()).contains("did you mean \"listen\"?");
    assertThat(Ran.alone("frobnicate").err()).doesNotContain("did you mean");
  }

  @Test
  void theSocketOfTheOptionWins() {
    assertThat(Ran.alone("list", "--socket", "@holdfast-other").err()).contains("@holdfast-other");
    assertThat(Ran.alone("list", "--socket", "x".repeat(200)).code()).isEqualTo(ExitCode.USAGE);
  }

  @Test
  void completionCoversAllVerbs() {
    for (String shell : new String[] {"bash", "zsh"}) {
      Ran ran = Ran.alone("completion", shell);
      assertThat(ran.code()).isEqualTo(ExitCode.OK);
      assertThat(Verbs.NAMES).allMatch(verb -> ran.out().contains(verb));
    }
  }
}
