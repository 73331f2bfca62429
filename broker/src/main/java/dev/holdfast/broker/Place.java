package dev.holdfast.broker;

import dev.holdfast.broker.workers.NotifySockets;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.UnixAddress;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where a broker is, and where it keeps what it needs.
 *
 * @param address of the control socket
 * @param notifySockets the directory of the workers' notify sockets
 * @param journal what the next broker reads if this one is killed; empty where there is no
 *     directory for it
 */
record Place(UnixAddress address, Path stateDirectory, Path notifySockets, Optional<Path> journal) {

  static Place of(UnixAddress address, Optional<Path> stateDirectory) {
    return new Place(
        address,
        stateDirectory.orElse(Path.of("/")),
        notifySockets(address, stateDirectory),
        stateDirectory.map(directory -> directory.resolve(name(address) + ".journal")));
  }

  /** One directory can be that of several brokers; each has another address. */
  private static String name(UnixAddress address) {
    return address instanceof UnixAddress.Path at
        ? String.valueOf(at.path().getFileName())
        : address.toString().replace('/', '_');
  }

  /**
   * Beside the control socket, which whoever may be a worker can reach; elsewhere when the paths of
   * sockets in it would be longer than the kernel allows (unix(7)).
   */
  private static Path notifySockets(UnixAddress address, Optional<Path> stateDirectory) {
    Optional<Path> beside =
        address instanceof UnixAddress.Path at
            ? Optional.of(Path.of(at.path().toAbsolutePath() + ".notify"))
            : stateDirectory.map(directory -> directory.resolve("notify"));
    Path root = Limits.effectiveUid() == 0 ? Path.of("/run") : Path.of("/tmp");
    return beside
        .filter(path -> path.toString().length() + NotifySockets.NAME < UnixAddress.ROOM)
        // The next broker at this address has to find them again.
        .orElse(
            root.resolve("holdfast-notify-" + Integer.toHexString(address.toString().hashCode())));
  }
}
