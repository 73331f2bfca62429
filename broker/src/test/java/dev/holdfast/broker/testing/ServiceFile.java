package dev.holdfast.broker.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A configuration with listeners and services, as a user would write it. */
public final class ServiceFile {
  private final Path path;
  private final Map<String, List<String>> sections = new LinkedHashMap<>();

  private ServiceFile(Path path) {
    this.path = path;
  }

  public static ServiceFile in(Path directory) {
    return new ServiceFile(directory.resolve("broker.toml"));
  }

  public Path path() {
    return path;
  }

  /**
   * A listener on a free port of 127.0.0.1, unless a line says where. Replaces that of the name.
   */
  public ServiceFile listener(String name, String... lines) {
    List<String> all = new ArrayList<>(Arrays.asList(lines));
    if (all.stream().noneMatch(line -> line.startsWith("listen "))) {
      all.add("listen = \"127.0.0.1:0W\"");
    }
    sections.put("listener." + name, all);
    return this;
  }

  /** A service on the listener web, unless a line says otherwise. Replaces that of the name. */
  public ServiceFile service(String name, List<String> command, String... lines) {
    List<String> all = new ArrayList<>(List.of("command = " + array(command)));
    all.addAll(Arrays.asList(lines));
    if (all.stream().noneMatch(line -> line.startsWith("listeners "))) {
      all.add("listeners = [\"web\"]");
    }
    sections.put("service." + name, all);
    return this;
  }

  /** What is said of the broker itself. */
  public ServiceFile broker(String... lines) {
    sections.put("broker", Arrays.asList(lines));
    return this;
  }

  /** Without that section: {@code service.web}. */
  public ServiceFile without(String section) {
    sections.remove(section);
    return this;
  }

  /** Writes it at once, so that a broker that reads meanwhile reads the one or the other. */
  public Path write() throws IOException {
    String text =
        sections.entrySet().stream()
            .map(each -> "[" + each.getKey() + "]\n" + String.join("\n", each.getValue()))
            .collect(Collectors.joining("\n\n", "", "\n"));
    Path whole = Files.writeString(path.resolveSibling("broker.toml.new"), text);
    return Files.move(whole, path, StandardCopyOption.ATOMIC_MOVE);
  }

  /** The words as an array of strings. */
  public static String array(List<String> words) {
    return words.stream().map(ServiceFile::string).collect(Collectors.joining(", ", "[", "]"));
  }

  public static String string(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
  }
}
