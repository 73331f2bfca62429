package dev.holdfast.agent.demo;

/** Runs the demonstration from start to end. */
public final class Demo {

  private Demo() {}

  /**
   * Runs it on the calling thread, and shows it. Afterwards every process that it started has
   * ended, and unless the plan keeps it, its directory is gone; however it ends. Signals that end a
   * program are taken from now on: to be called once, by a command.
   *
   * @throws DemoException.Interrupted after a signal
   * @throws DemoException with the reason, when something did not work
   */
  public static DemoReport run(DemoPlan plan, View view) throws DemoException {
    Interruption interruption = Interruption.onSignals();
    try (Stage stage = Stage.open(plan)) {
      stage.kept().ifPresent(kept -> view.say("logs and programs are kept in " + kept));
      return new Script(plan, stage, view, interruption).play();
    }
  }
}
