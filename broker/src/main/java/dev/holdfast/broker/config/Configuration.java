package dev.holdfast.broker.config;

import dev.holdfast.broker.core.BrokerConfig;
import dev.holdfast.fd.UnixAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a configuration file says; null for what it does not say.
 *
 * @param broker what a reload can change
 * @param socket the control socket; the command line wins
 * @param state the directory of what outlives the broker; the command line wins
 * @param mode of the control socket's path
 * @param uid owner of the control socket's path
 * @param gid group of the control socket's path
 * @param warnings what the broker shall log and go on
 */
public record Configuration(
    BrokerConfig broker,
    @Nullable UnixAddress socket,
    @Nullable Path state,
    @Nullable Integer mode,
    @Nullable Integer uid,
    @Nullable Integer gid,
    List<Problem> warnings) {

  /** For a broker without a file. */
  public static final Configuration EMPTY =
      new Configuration(BrokerConfig.EMPTY, null, null, null, null, null, List.of());

  public Configuration {
    warnings = List.copyOf(warnings);
  }

  /**
   * Whether both say the same about the control socket and the directory, which only a start takes.
   */
  public boolean hasControlSocketOf(Configuration other) {
    return Objects.equals(socket, other.socket)
        && Objects.equals(state, other.state)
        && Objects.equals(mode, other.mode)
        && Objects.equals(uid, other.uid)
        && Objects.equals(gid, other.gid);
  }

  /**
   * Reads a file. Blocks: on the file, and on the host's user database where that is remote.
   *
   * @throws ConfigException if it cannot be read or used, with everything that is wrong with it
   */
  public static Configuration read(Path file) throws ConfigException {
    return read(file, Surroundings.ofThisProcess());
  }

  static Configuration read(Path file, Surroundings surroundings) throws ConfigException {
    return new ConfigurationReader(file.toString(), surroundings).read(file);
  }
}
