package dev.holdfast.broker.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What README.md shows. */
public final class Readme {
  private Readme() {}

  public static String text() throws IOException {
    return Files.readString(Checkout.command().resolve("../../../README.md").normalize());
  }

  public static List<String> blocks(String language) throws IOException {
    List<String> blocks = new ArrayList<>();
    Matcher matcher =
        Pattern.compile("```" + language + "\n(.*?)```", Pattern.DOTALL).matcher(text());
    while (matcher.find()) {
      blocks.add(matcher.group(1));
    }
    return blocks;
  }

  /** The one block that has the text. */
  public static String block(String language, String text) throws IOException {
    List<String> found = blocks(language).stream().filter(block -> block.contains(text)).toList();
    assertThat(found).as("blocks of %s with %s", language, text).hasSize(1);
    return found.get(0);
  }

  /** What {@code holdfast prove web} reports, which must pass. */
  public static String prove(BrokerProcess broker, int restarts)
      throws IOException, InterruptedException {
    return output(
        Checkout.command().toString(),
        "prove",
        "web",
        "--restarts",
        String.valueOf(restarts),
        "--socket",
        broker.socket().toString());
  }

  /** What a command says that must succeed. */
  public static String output(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
