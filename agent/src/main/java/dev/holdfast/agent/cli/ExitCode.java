package dev.holdfast.agent.cli;

/**
 * How the command ends: sysexits(3) where it has a number, env(1) for a program that did not start.
 */
enum ExitCode {
  OK(0, "done"),
  REFUSED(
      1,
      "the broker refused: no such name, or another's; a restart failed; demo, prove: some was lost"),
  USAGE(64, "the command line is wrong"),
  UNAVAILABLE(69, "no broker answers there"),
  SYSTEM(71, "the system refused a call"),
  TRY_AGAIN(75, "not now: a limit is reached, or there was no answer in time"),
  NOT_PERMITTED(77, "you may not do that"),
  CONFIG(78, "the broker's configuration, or this host, is not fit"),
  NOT_EXECUTABLE(126, "the program was found and cannot be executed"),
  NOT_FOUND(127, "the program was not found"),
  INTERRUPTED(130, "demo: ended by Ctrl-C or another signal");

  private final int number;
  private final String meaning;

  ExitCode(int number, String meaning) {
    this.number = number;
    this.meaning = meaning;
  }

  int number() {
    return number;
  }

  String meaning() {
    return meaning;
  }
}
