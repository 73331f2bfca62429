package dev.holdfast.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.ParameterException;

class ExecWordsTest {

  private static String fields(ExecVerb verb) {
    return String.join(
        "|",
        verb.names.toString(),
        verb.variables.toString(),
        String.valueOf(verb.socket),
        String.valueOf(verb.service),
        verb.hold,
        String.valueOf(verb.stopSignal),
        String.valueOf(verb.javaagent),
        "" + verb.fd0 + verb.replace + verb.json + verb.dryRun);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "web",
        "web tls",
        "--dry-run web",
        "--fd0 web",
        "web --replace --service shop tls",
        "--json --env NGINX --env A=b=c web",
        "--env A={fd:web} web",
        "--socket /run/x.sock --hold connection web",
        "--stop-signal SIGQUIT web",
        "--javaagent web",
        "web --javaagent",
        "--javaagent --dry-run web",
        "--javaagent=8080=web,required web tls",
        "web --javaagent=x",
        "--socket @x web.a-b_c@d"
      })
  void readsWhatTheParserReads(String words) {
    ExecVerb quick = new ExecVerb();
    assertThat(ExecWords.fill(quick, words.split(" "))).isTrue();
    ExecVerb slow = new ExecVerb();
    Parser.commandLine(slow, "exec").parseArgs(words.split(" "));
    assertThat(fields(quick)).isEqualTo(fields(slow));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--fd0",
        "--help",
        "web --help",
        "--nonsense web",
        "web --service",
        "--service --fd0 web",
        "--service=shop web",
        "--socket a --socket b web",
        "--service a --service b web",
        "--hold process --hold process web",
        "--stop-signal QUIT --stop-signal QUIT web",
        "--stop-signal web",
        "--javaagent --javaagent web",
        "--javaagent= web",
        "--javaagent=\"x\" web",
        "--javaagents web",
        "--env \"A=b\" web",
        "-x web"
      })
  void leavesTheRestToTheParserAndTheVerbAsItWas(String words) {
    ExecVerb verb = new ExecVerb();
    assertThat(ExecWords.fill(verb, words.split(" "))).isFalse();
    assertThat(fields(verb)).isEqualTo(fields(new ExecVerb()));
  }

  @Test
  void theParserTakesNoNameForTheValueOfAnOptionThatMayHaveNone() {
    ExecVerb verb = new ExecVerb();
    Parser.commandLine(verb, "exec").parseArgs("--javaagent", "web", "--service=shop");
    assertThat(fields(verb)).startsWith("[web]|").contains("|shop|");
    assertThat(verb.javaagent).isEmpty();
    ExecVerb empty = new ExecVerb();
    Parser.commandLine(empty, "exec").parseArgs("--javaagent=", "web");
    assertThat(empty.javaagent).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--nonsense web",
        "--socket a --socket b web",
        "--javaagent --javaagent=x web",
        "--javaagents web",
        "web --service"
      })
  void theParserRefusesWhatIsWrong(String words) {
    try {
      Parser.commandLine(new ExecVerb(), "exec").parseArgs(words.split(" "));
      throw new AssertionError("the parser took " + words);
    } catch (ParameterException e) {
      assertThat(e.getMessage()).isNotEmpty();
    }
  }
}
