package dev.holdfast.agent.cli;

import dev.holdfast.jvm.AgentArgument;
import dev.holdfast.varlink.ControlAddress;
import dev.holdfast.varlink.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Prints what a program would have been given. */
final class DryRun {

  private static final List<String> OURS =
      List.of(
          "LISTEN_FDS",
          "LISTEN_PID",
          "LISTEN_FDNAMES",
          "NOTIFY_SOCKET",
          "HOLDFAST_LEASE",
          ControlAddress.VARIABLE);

  private DryRun() {}

  static void print(
      ExecVerb verb,
      Surroundings surroundings,
      Program program,
      List<String> arguments,
      ProgramEnvironment environment,
      Acquisition acquired,
      int first)
      throws Failure {
    Map<String, String> variables = new LinkedHashMap<>();
    List<String> names = new ArrayList<>(OURS);
    if (verb.javaagent != null) {
      names.add(AgentArgument.VARIABLE);
    }
    for (String variable : verb.variables) {
      int equals = variable.indexOf('=');
      names.add(equals < 0 ? variable : variable.substring(0, equals));
    }
    for (String name : names) {
      String value = environment.value(name);
      if (value != null) {
        variables.put(name, ByteText.decode(value));
      }
    }
    if (verb.json) {
      List<JsonObject> descriptors = new ArrayList<>();
      for (int i = 0; i < acquired.names().size(); i++) {
        descriptors.add(
            JsonObject.of(
                "number", first + i,
                "listener", acquired.names().get(i),
                "endpoint", acquired.endpoints().get(i)));
      }
      List<String> words = new ArrayList<>();
      arguments.forEach(word -> words.add(ByteText.decode(word)));
      surroundings.print(
          JsonObject.builder()
              .put("lease", acquired.lease())
              .put("program", ByteText.decode(program.path()))
              .put("arguments", words)
              .put("descriptors", descriptors)
              .put("environment", variables)
              .build()
              .toString());
      return;
    }
    Table table = new Table("FD", "LISTENER", "ENDPOINT");
    for (int i = 0; i < acquired.names().size(); i++) {
      table.row(first + i, acquired.names().get(i), acquired.endpoints().get(i));
    }
    surroundings.print(table.toString());
    StringBuilder text = new StringBuilder("\n");
    variables.forEach((name, value) -> text.append(name).append('=').append(value).append('\n'));
    text.append(ByteText.decode(program.path())).append(" as");
    arguments.forEach(word -> text.append(" [").append(ByteText.decode(word)).append(']'));
    surroundings.print(text);
  }
}
