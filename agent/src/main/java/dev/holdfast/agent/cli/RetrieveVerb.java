package dev.holdfast.agent.cli;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Takes a deposited descriptor: hands it to a program, or copies what is in it. */
@Command(
    name = "retrieve",
    description = "Take a stored descriptor: give it to PROGRAM, or print what is in it.",
    customSynopsis = {
      "holdfast retrieve NAME [--remove] [--socket PATH] -- PROGRAM [ARG]...",
      "       holdfast retrieve NAME [--remove] [--socket PATH] > FILE"
    },
    footer = {
      "",
      "PROGRAM takes the place of this command and finds it as descriptor 3, with "
          + "LISTEN_FDS=1 and LISTEN_FDNAMES=NAME; {fd:NAME} in an ARG becomes 3. Without "
          + "PROGRAM the content of a file, of memory (memfd) or of a pipe is copied; files are "
          + "read from their start.",
      "Exit codes of its own: 126 PROGRAM cannot be executed, 127 it was not found.",
      "With --json: a failure is an object on standard error; the content is never wrapped.",
      "",
      "Examples:",
      "  holdfast retrieve state > state.db",
      "  holdfast retrieve cache --remove -- ./server --cache-fd={fd:cache}"
    })
final class RetrieveVerb extends Verb implements TakesProgram {

  private static final int FIRST = 3;

  @Parameters(paramLabel = "NAME", description = "The name it is stored under.")
  String name = "";

  @Option(names = "--remove", description = "Take it out: the broker forgets it.")
  boolean remove;

  private @Nullable List<String> words;

  @Override
  public boolean programIsOptional() {
    return true;
  }

  @Override
  public void program(List<String> programWords) {
    words = programWords;
  }

  @Override
  String attempted() {
    return "retrieve " + name;
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure, IOException, VarlinkException {
    socket = socket == null ? null : ByteText.decode(socket);
    List<String> toRun = words;
    ProgramEnvironment environment = ProgramEnvironment.ofThisProcess();
    Program program = null;
    if (toRun != null) {
      for (String word : toRun) {
        Placeholders.check(word, List.of(name));
      }
      program = Program.find(toRun, environment.value("PATH"));
    }
    JsonObject request = JsonObject.of("name", name, "remove", remove ? Boolean.TRUE : null);
    try (Broker broker = connect(surroundings);
        Answer answer = broker.callWith("dev.holdfast.Worker.Retrieve", request, List.of())) {
      if (answer.descriptors().isEmpty()) {
        throw new Failure(ExitCode.UNAVAILABLE, attempted() + ": the broker sent no descriptor");
      }
      OwnedFd descriptor = answer.descriptors().get(0);
      if (program == null) {
        Content.copy(descriptor, attempted(), surroundings.out());
        return ExitCode.OK;
      }
      program.place(descriptor, FIRST);
      environment.passDescriptors(List.of(name));
      throw program.start(program.arguments(List.of(name), FIRST), environment);
    }
  }
}
