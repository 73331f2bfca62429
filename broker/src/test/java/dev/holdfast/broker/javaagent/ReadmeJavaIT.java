package dev.holdfast.broker.javaagent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.Readme;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What README.md shows of JVM servers is what happens. */
@Timeout(120)
class ReadmeJavaIT {
  private static final String HOST = "127.0.0.1";

  @RegisterExtension final Stage stage = new Stage();
  @RegisterExtension final Brokers brokers = new Brokers();

  /** An unmodified jar, deployed under load by someone who has read that section alone. */
  @Test
  void itsSpringBootServiceIsRestartedAndLosesNothing() throws Exception {
    int port = ListeningSocket.freePort();
    Path jar = Checkout.server("spring-boot").resolve("target/server-tomcat.jar");
    String java = Checkout.JAVA_HOME.resolve("bin/java").toString();
    Path directory = BrokerProcess.newDirectory();
    Path file = directory.resolve("shop.toml");
    Files.writeString(
        file,
        Readme.block("toml", "javaagent = true")
            .replace("127.0.0.1:8080", HOST + ":" + port)
            .replace("\"java\"", '"' + java + '"')
            .replace(
                "\"shop.jar\"",
                "\"" + jar + "\", \"--worker.name=shop\", \"--server.port=" + port + '"'));
    BrokerProcess broker =
        brokers.start(BrokerProcess.Options.none().with("--config", file.toString()), directory);
    assertThat(Readme.prove(broker, 1)).endsWith("Nothing was lost. shop was restarted once.\n");
  }

  /** Each line as it stands there, with a server that is here behind its {@code --}. */
  @ParameterizedTest
  @CsvSource({
    "catalina.sh, TOMCAT_DISTRIBUTION",
    "start.jar, JETTY",
    "NettyServer, NETTY_4_2_NIO",
    "vertx-fat.jar, VERTX",
    "HelloServer, JDK_HTTP_SERVER"
  })
  void itsLineMakesThatServerAdoptTheListener(String word, JvmServer server) throws Exception {
    int port = ListeningSocket.freePort();
    stage.file().listener("web", "listen = \"" + HOST + ":" + port + "\"");
    stage.start();
    String line =
        Readme.block("sh", "$CATALINA_HOME/bin/catalina.sh")
            .lines()
            .filter(each -> each.contains(word))
            .findFirst()
            .orElseThrow();
    List<String> words =
        new ArrayList<>(List.of(line.substring(0, line.indexOf(" -- ") + 3).split(" ", -1)));
    assertThat(words.remove(0)).isEqualTo("agent/bin/holdfast");
    words.add(0, Checkout.command().toString());
    words.addAll(server.command(Checkout.JAVA_HOME, List.of("-Xmx128m"), HOST, port, "readme"));
    ProgramProcess program = stage.program("server", words.toArray(String[]::new));
    Await.until(
        () -> "a ready lease: " + program.written(),
        () ->
            stage.broker().leases().stream()
                .anyMatch(
                    each ->
                        each.string("state").equals("ready")
                            && each.integer("pid") == program.pid()));
    try (Traffic traffic = Traffic.Http.start(stage.plan(4))) {
      Await.until(() -> "an answer: " + program.written(), () -> !traffic.served().isEmpty());
      assertThat(traffic.end().lost()).isEmpty();
    }
  }
}
