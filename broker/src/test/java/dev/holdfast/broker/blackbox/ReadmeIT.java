package dev.holdfast.broker.blackbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.config.Configuration;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.Readme;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.listener.ListenSpec;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What README.md shows is what is there. */
@Tag("unprivileged")
@Timeout(90)
class ReadmeIT {

  @RegisterExtension final Brokers brokers = new Brokers();

  @Test
  void itsPythonClientIsTheOneThatIsTested() throws Exception {
    Path tested = Workers.script("acquire.py", BrokerProcess.newDirectory());
    assertThat(Readme.blocks("python")).contains(Files.readString(tested));
  }

  @Test
  void itsConfigurationIsReadAsItStands() throws Exception {
    Path file = BrokerProcess.newDirectory().resolve("readme.toml");
    Files.writeString(file, Readme.block("toml", "[broker]"));
    assertThat(Configuration.read(file).broker().listeners()).hasSize(4);
  }

  @Test
  void itsListeningPortsAreRead() throws Exception {
    List<String> specs = new ArrayList<>();
    String section = Readme.text().split("## Write a listening port", -1)[1].split("\n## ", -1)[0];
    for (String row : section.lines().filter(line -> line.startsWith("| `")).toList()) {
      Matcher spec = Pattern.compile("`([^`]+)`").matcher(row.split("\\|", -1)[1]);
      while (spec.find()) {
        specs.add(spec.group(1));
      }
    }
    assertThat(specs).hasSizeGreaterThan(10);
    for (String spec : specs) {
      assertThat(ListenSpec.parse(spec)).isNotNull();
    }
  }

  @Test
  void itsVerbsAndOptionsExist() throws Exception {
    Pattern call = Pattern.compile("agent/bin/holdfast ([a-z]+)((?: --?[a-z0-9-]+[^ ]*| [^ -]+)*)");
    int seen = 0;
    for (String block : Readme.blocks("sh")) {
      Matcher matcher = call.matcher(block);
      while (matcher.find()) {
        String verb = matcher.group(1);
        if (verb.equals("demo")) {
          continue;
        }
        String help = Readme.output(Checkout.command().toString(), verb, "--help");
        Matcher option =
            Pattern.compile(" (--[a-z][a-z0-9-]*)").matcher(matcher.group(2).split(" -- ", -1)[0]);
        while (option.find()) {
          assertThat(help).contains(option.group(1));
        }
        seen++;
      }
    }
    assertThat(seen).isGreaterThan(10);
  }

  @Test
  void itsJavaServiceCompilesServesAndDrains() throws Exception {
    BrokerProcess broker = brokers.start("web");
    Workers workers = brokers.workers(broker, "web");
    Path source = broker.directory().resolve("Hello.java");
    Files.writeString(source, Readme.blocks("java").get(0));
    ProgramProcess hello =
        workers.launch(
            "hello",
            List.of(
                Checkout.JAVA_HOME.resolve("bin/java").toString(),
                "--add-opens",
                "java.base/sun.nio.ch=ALL-UNNAMED",
                "-cp",
                Checkout.agentClassPath(),
                source.toString()),
            Map.of());
    try (Socket client = new Socket("127.0.0.1", workers.port())) {
      client.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      assertThat(new String(client.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
          .endsWith("hello\n");
    }
    Readme.output(
        Checkout.command().toString(),
        "drain",
        broker.leases().get(0).string("lease"),
        "--socket",
        broker.socket().toString());
    assertThat(hello.awaitExit()).isZero();
  }

  /** What a new user does: the file, the program, restarts under load. */
  @ParameterizedTest
  @ValueSource(strings = {"node", "python", "java"})
  void itsServiceIsRestartedAndLosesNothing(String language) throws Exception {
    Path directory = BrokerProcess.newDirectory();
    String java = Checkout.JAVA_HOME.resolve("bin/java").toString();
    List<String> command =
        switch (language) {
          case "node" -> {
            Files.writeString(directory.resolve("server.js"), Readme.block("js", "// server.js"));
            yield List.of("node", "server.js");
          }
          case "python" -> {
            Files.writeString(
                directory.resolve("server.py"), Readme.block("python", "# server.py"));
            yield List.of("python3", "server.py");
          }
          default -> {
            Files.writeString(directory.resolve("Hello.java"), Readme.blocks("java").get(0));
            yield List.of(
                java,
                "--add-opens",
                "java.base/sun.nio.ch=ALL-UNNAMED",
                "-cp",
                Checkout.agentClassPath(),
                "Hello.java");
          }
        };
    String words = String.join(", ", command.stream().map(word -> '"' + word + '"').toList());
    Path file = directory.resolve("shop.toml");
    Files.writeString(
        file,
        Readme.block("toml", "server.js")
            .replace("127.0.0.1:8080", "127.0.0.1:0W")
            .replace("/srv/shop", directory.toString())
            .replace("[\"node\", \"server.js\"]", "[" + words + "]"));
    BrokerProcess broker =
        brokers.start(BrokerProcess.Options.none().with("--config", file.toString()), directory);
    assertThat(Readme.prove(broker, 2)).endsWith("Nothing was lost. shop was restarted 2 times.\n");
  }
}
