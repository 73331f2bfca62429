package dev.holdfast.broker.survive;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonException;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32;

/** The broker's journal, to be spoilt: lines of a checksum, a space and JSON. */
final class JournalFile {
  private static final Pattern LINE = Pattern.compile("([0-9a-fA-F]{8}) (\\{.*\\})");

  private final Path path;

  private JournalFile(Path path) {
    this.path = path;
  }

  /** Finds it by its first line. */
  static JournalFile in(Path stateDirectory) throws IOException {
    try (Stream<Path> files = Files.walk(stateDirectory, 1)) {
      for (Path each : files.filter(Files::isRegularFile).toList()) {
        String text = new String(Files.readAllBytes(each), UTF_8);
        String first = text.lines().findFirst().orElse("");
        if (first.contains("\"holdfast\"") && first.contains("\"journal\"")) {
          return new JournalFile(each);
        }
      }
    }
    try (Stream<Path> files = Files.list(stateDirectory)) {
      throw new AssertionError("no journal in " + stateDirectory + ": " + files.toList());
    }
  }

  Path path() {
    return path;
  }

  byte[] bytes() throws IOException {
    return Files.readAllBytes(path);
  }

  /** Puts other bytes in the same file, as a crash of the machine or a bad disk does. */
  void write(byte[] bytes) throws IOException {
    Files.write(path, bytes);
  }

  /** The JSON of each line. */
  List<String> lines() throws IOException {
    List<String> found = new ArrayList<>();
    for (String each : new String(bytes(), UTF_8).lines().toList()) {
      var matcher = LINE.matcher(each);
      if (!matcher.matches() || !checksum(matcher.group(2)).equalsIgnoreCase(matcher.group(1))) {
        throw new AssertionError("not a line of a journal: " + each);
      }
      found.add(matcher.group(2));
    }
    return found;
  }

  /** Replaces each line's JSON, with a checksum that is right again. */
  void rewrite(UnaryOperator<String> change) throws IOException {
    StringBuilder text = new StringBuilder();
    for (String each : lines()) {
      String json = change.apply(each);
      text.append(checksum(json)).append(' ').append(json).append('\n');
    }
    write(text.toString().getBytes(UTF_8));
  }

  /** Whether any line says something of this. */
  boolean names(String what) throws IOException {
    return lines().stream().anyMatch(line -> line.contains(what));
  }

  JsonObject header() throws IOException {
    try {
      return Json.parse(lines().get(0));
    } catch (JsonException e) {
      throw new AssertionError(lines().get(0), e);
    }
  }

  private static String checksum(String json) {
    CRC32 crc = new CRC32();
    crc.update(json.getBytes(UTF_8));
    return String.format("%08x", crc.getValue());
  }
}
