package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;

/** Looks at the host: what works here, what does not, what to do about it. */
@Command(
    name = "doctor",
    description = "Check this host: what works, what does not, and what to do about it.",
    footer = {
      "",
      "Changes nothing. Exit code 78 when something that is needed is missing, else 0: a "
          + "broker that is not started is shown as missing, and is no reason to fail.",
      "With --json: an object with checks, each with name, state (ok, limited, missing), "
          + "needed, found, meaning and advice.",
      "",
      "Examples:",
      "  holdfast doctor",
      "  holdfast doctor --json | jq -r '.checks[] | select(.state != \"ok\") | .advice'"
    })
final class DoctorVerb extends Verb {

  @Override
  String attempted() {
    return "doctor";
  }

  @Override
  ExitCode run(Surroundings surroundings) throws Failure {
    List<Check> checks = new ArrayList<>();
    checks.addAll(KernelChecks.run());
    checks.addAll(LimitChecks.run());
    checks.addAll(ServiceChecks.run());
    checks.addAll(BrokerChecks.run(address(surroundings)));
    checks.addAll(RecoveryChecks.run(address(surroundings)));
    checks.addAll(JavaChecks.run());
    checks.addAll(AgentChecks.run(surroundings.environment()));
    if (json) {
      surroundings.print(
          JsonObject.of("checks", checks.stream().map(Check::toJson).toList()).toString());
    } else {
      print(checks, surroundings);
    }
    boolean fit =
        checks.stream().noneMatch(check -> check.needed() && check.state() == Check.State.MISSING);
    return fit ? ExitCode.OK : ExitCode.CONFIG;
  }

  private static void print(List<Check> checks, Surroundings surroundings) throws Failure {
    Table table = new Table("CHECK", "STATE", "FOUND", "WHAT IT MEANS");
    StringBuilder advice = new StringBuilder();
    for (Check check : checks) {
      table.row(check.name(), check.state().word(), check.found(), check.meaning());
      if (!check.advice().isEmpty()) {
        advice.append("\n  ").append(check.name()).append(": ").append(check.advice());
      }
    }
    surroundings.print(table.toString());
    if (!advice.isEmpty()) {
      surroundings.print("\nWhat to do:" + advice);
    }
  }
}
