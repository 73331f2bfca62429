package dev.holdfast.agent.cli;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Deposits a descriptor at the broker. */
@Command(
    name = "store",
    description = "Deposit an open descriptor at the broker, under a name.",
    customSynopsis = "holdfast store NAME (--fd N | FILE) [--socket PATH] [--json]",
    footer = {
      "",
      "It outlives this command; what you stored under NAME before is replaced.",
      "Prints nothing. With --json: an object with name.",
      "",
      "Examples:",
      "  holdfast store state /var/lib/shop/state.db",
      "  holdfast store result --fd 0 < result.bin",
      "  holdfast store log --fd 9 9>>/var/log/shop.log"
    })
final class StoreVerb extends Verb {

  @Parameters(index = "0", paramLabel = "NAME", description = "The name to store it under.")
  String name = "";

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "FILE",
      description = "A file, opened for reading.")
  @Nullable String file;

  @Option(
      names = "--fd",
      paramLabel = "N",
      description = "A descriptor that this command inherits, instead of a file.")
  @Nullable Integer number;

  @Override
  String attempted() {
    return "store " + name;
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, IOException, VarlinkException {
    JsonObject request = JsonObject.of("name", name, "fileDescriptorIndex", 0);
    try (OwnedFd descriptor = open();
        Broker broker = connect(surroundings)) {
      broker.callWith("dev.holdfast.Worker.Store", request, List.of(descriptor)).close();
    }
    if (json) {
      surroundings.print(JsonObject.of("name", name).toString());
    }
    return ExitCode.OK;
  }

  private OwnedFd open() throws Failure, IOException {
    if ((number == null) == (file == null)) {
      throw new Failure(
          ExitCode.USAGE, attempted() + ": give a FILE or --fd N, and not both; see --help");
    }
    if (file != null) {
      return OwnedFd.openForReading(file);
    }
    int inherited = Objects.requireNonNull(number);
    if (inherited > 2 && isOfThisVirtualMachine(inherited)) {
      throw new Failure(
          ExitCode.USAGE,
          attempted()
              + " --fd "
              + inherited
              + ": nobody passed that descriptor; write for example --fd "
              + inherited
              + " "
              + inherited
              + "<FILE");
    }
    return OwnedFd.adopt(inherited);
  }

  /**
   * A number that nobody passed is soon taken by the JVM itself, for its class library or a jar;
   * those must not be sent in place of what was meant.
   */
  private static boolean isOfThisVirtualMachine(int number) {
    try {
      Path target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + number));
      String classPath = java.io.File.pathSeparator + System.getProperty("java.class.path", "");
      return target.startsWith(System.getProperty("java.home", "/nowhere"))
          || (target.toString().endsWith(".jar")
              && classPath.contains(String.valueOf(target.getFileName())));
    } catch (IOException e) {
      return false; // not open: adopting it will say so
    }
  }
}
