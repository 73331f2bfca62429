package dev.holdfast.listener;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/**
 * services(5), as getservbyname(3) reads it: the first line with the name or alias and the protocol
 * wins; a line that makes no sense is passed over. Immutable: a snapshot of the file.
 */
public final class EtcServices implements ServiceDatabase {

  public static final Path FILE = Path.of("/etc/services");

  private final Map<String, Map<String, Integer>> portsByProtocol = new HashMap<>();

  private EtcServices() {}

  /**
   * Reads {@link #FILE}; blocks on the disk.
   *
   * @throws IOException when it is there and cannot be read
   */
  public static EtcServices read() throws IOException {
    return read(FILE);
  }

  /**
   * Reads a file of that form. One that does not exist is empty, as it is to getservbyname(3):
   * small containers have none.
   */
  public static EtcServices read(Path file) throws IOException {
    try {
      // Every byte is a Latin-1 character, so that a comment in another encoding is no error.
      return parse(Files.readString(file, StandardCharsets.ISO_8859_1));
    } catch (NoSuchFileException e) {
      return new EtcServices();
    }
  }

  public static EtcServices parse(String text) {
    EtcServices services = new EtcServices();
    text.lines().forEach(services::add);
    return services;
  }

  private void add(String line) {
    int comment = line.indexOf('#');
    String[] words = (comment < 0 ? line : line.substring(0, comment)).strip().split("\\s+", -1);
    if (words.length < 2) {
      return;
    }
    int slash = words[1].indexOf('/');
    String digits = words[1].substring(0, Math.max(slash, 0));
    if (!IpText.isDigits(digits) || digits.length() > 5 || slash == words[1].length() - 1) {
      return;
    }
    int port = Integer.parseInt(digits);
    if (port < PortChoice.LOWEST || port > PortChoice.HIGHEST) {
      return;
    }
    Map<String, Integer> ports =
        portsByProtocol.computeIfAbsent(words[1].substring(slash + 1), protocol -> new HashMap<>());
    ports.putIfAbsent(words[0], port);
    for (int i = 2; i < words.length; i++) {
      ports.putIfAbsent(words[i], port);
    }
  }

  @Override
  public OptionalInt port(String service, String protocol) {
    Integer port = ports(protocol).get(service);
    return port == null ? OptionalInt.empty() : OptionalInt.of(port);
  }

  @Override
  public Set<String> names(String protocol) {
    return Collections.unmodifiableSet(ports(protocol).keySet());
  }

  private Map<String, Integer> ports(String protocol) {
    return portsByProtocol.getOrDefault(protocol, Map.of());
  }
}
