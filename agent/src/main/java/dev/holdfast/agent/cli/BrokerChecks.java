package dev.holdfast.agent.cli;

import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;

/** The broker and the way to it. */
final class BrokerChecks {

  private BrokerChecks() {}

  static List<Check> run(UnixAddress address) {
    return List.of(directory(address), broker(address));
  }

  static Check directory(UnixAddress address) {
    String name = "socket directory";
    if (!(address instanceof UnixAddress.Path socket)) {
      return Check.limited(
          name,
          address.toString(),
          "an abstract name has no permissions: everyone in this network namespace can connect",
          "rights still hold for each call; use a path where that is not enough");
    }
    Path directory = socket.path().toAbsolutePath().getParent();
    if (directory == null || !Files.isDirectory(directory)) {
      return Check.missing(
          name,
          String.valueOf(directory),
          "the broker's socket will be there",
          "holdfastd makes it when it starts, if it may");
    }
    try {
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(directory);
      String found = directory + " " + PosixFilePermissions.toString(permissions);
      return permissions.contains(PosixFilePermission.OTHERS_WRITE)
          ? Check.limited(
              name,
              found,
              "anyone can put another socket in the broker's place",
              "chmod o-w " + directory + ", or use a directory of its own")
          : Check.ok(name, found, "only its owner can put a socket there");
    } catch (IOException | UnsupportedOperationException e) {
      return Check.limited(
          name, directory.toString(), "its permissions cannot be read: " + e.getMessage(), "");
    }
  }

  static Check broker(UnixAddress address) {
    try (Broker broker = Broker.connect(address, "doctor")) {
      JsonObject info = broker.call("org.varlink.service.GetInfo", JsonObject.EMPTY);
      String version = info.optionalString("version").orElse("unknown");
      return version.equals(VersionVerb.VERSION)
          ? Check.ok("broker", address + ", version " + version, "answers")
          : Check.limited(
              "broker",
              address + ", version " + version,
              "answers; this command is " + VersionVerb.VERSION,
              "use the same version of both: newer verbs need a newer broker");
    } catch (VarlinkException e) {
      return Check.limited(
          "broker", address.toString(), "answers " + e.error(), "is that socket a holdfastd's?");
    } catch (Failure e) {
      return e.exitCode() == ExitCode.UNAVAILABLE
          ? Check.missing(
              "broker",
              address.toString(),
              "does not answer",
              "start holdfastd, or name its socket with --socket or HOLDFAST_SOCKET")
          : Check.limited("broker", address.toString(), "cannot be asked", e.line());
    }
  }
}
