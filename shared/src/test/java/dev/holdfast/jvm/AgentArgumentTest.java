package dev.holdfast.jvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AgentArgumentTest {

  private static final AgentArgument PLAIN = new AgentArgument("/lib/holdfast-agent.jar", "");
  private static final AgentArgument WEB = new AgentArgument("/lib/holdfast-agent.jar", "80=web");

  @TempDir Path directory;

  @Test
  void standsRightBehindTheProgram() {
    assertThat(PLAIN.intoCommand(List.of("java", "-jar", "app.jar")))
        .containsExactly("java", "-javaagent:/lib/holdfast-agent.jar", "-jar", "app.jar");
    assertThat(WEB.intoCommand(List.of("java")))
        .containsExactly("java", "-javaagent:/lib/holdfast-agent.jar=80=web");
  }

  @Test
  void standsInFrontOfWhatTheVariableHas() {
    assertThat(PLAIN.intoVariable(null)).isEqualTo("-javaagent:/lib/holdfast-agent.jar");
    assertThat(PLAIN.intoVariable("")).isEqualTo("-javaagent:/lib/holdfast-agent.jar");
    assertThat(WEB.intoVariable("-Da='b c' "))
        .isEqualTo("-javaagent:/lib/holdfast-agent.jar=80=web -Da='b c' ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"a b", "it's", "a\"b", "'\"", "\"'\"", "a\tb", "é ü", "plain\\ "})
  void theJvmReadsFromTheVariableWhatWasMeant(String name) throws Exception {
    // A property, since that shows what the JVM made of the word without a jar of that name.
    AgentArgument agent = new AgentArgument("/" + name + "/holdfast-agent.jar", "x=" + name);
    String value = agent.intoVariable("-Dnext=1");
    assertThat(agent.optionsInVariable(value)).isEqualTo("x=" + name);
    ProcessBuilder java =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home", ""), "bin", "java").toString(),
            "-Dsun.stdout.encoding=UTF-8",
            "-XshowSettings:properties",
            "-version");
    java.environment().put("LC_ALL", "C.UTF-8");
    java.environment().put(AgentArgument.VARIABLE, value.replace("-javaagent:", "-Dseen="));
    Process process = java.redirectErrorStream(true).start();
    String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(printed).isZero();
    assertThat(printed).contains("seen = " + agent.text().substring("-javaagent:".length()));
    assertThat(printed).contains("next = 1");
  }

  @Test
  void seesAnyCopyOfItselfThatIsThereAlready() {
    assertThat(WEB.optionsInCommand(List.of("java", "-jar", "app.jar"))).isNull();
    assertThat(WEB.optionsInCommand(List.of("java", "-javaagent:/other.jar", "X"))).isNull();
    assertThat(WEB.optionsInCommand(List.of("java", "-javaagent:holdfast-agent.jar=a=b", "X")))
        .isEqualTo("a=b");
    assertThat(WEB.optionsInCommand(List.of("java", "-javaagent:/app/holdfast-agent.jar", "X")))
        .isEmpty();
    assertThat(WEB.optionsInCommand(List.of("java", "-jar", "x", "-javaagent:/holdfast-agent.jar")))
        .isNull();
    assertThat(WEB.optionsInVariable(null)).isNull();
    assertThat(WEB.optionsInVariable("-Da=b -javaagent:/x.jar")).isNull();
    assertThat(WEB.optionsInVariable("-Da=b '-javaagent:/a b/holdfast-agent.jar=c d' -De"))
        .isEqualTo("c d");
    assertThat(WEB.optionsInVariable("'-Da=b -javaagent:/holdfast-agent.jar'")).isNull();
  }

  @Test
  void aLauncherIsCalledJavaOrIsALinkToOneThatIs() throws Exception {
    Path java = Files.createFile(directory.resolve("java"));
    Path link = Files.createSymbolicLink(directory.resolve("java-17"), java);
    Path manager = Files.createFile(directory.resolve("mise"));
    Path bin = Files.createDirectory(directory.resolve("shims"));
    Path shim = Files.createSymbolicLink(bin.resolve("java"), manager);
    assertThat(List.of("java", "/no/such/java", "" + java, "" + link, "" + shim))
        .allMatch(AgentArgument::isLauncher);
    assertThat(List.of("mvn", "java-17", "javac", "/no/such", "" + manager, "/\0", "./catalina.sh"))
        .noneMatch(AgentArgument::isLauncher);
  }

  @Test
  void aPathThatTheJvmWouldCutIsRefused() {
    assertThatThrownBy(() -> new AgentArgument("/a=b/holdfast-agent.jar", ""))
        .hasMessageContaining("'='")
        .hasMessageContaining("/a=b/holdfast-agent.jar");
  }
}
