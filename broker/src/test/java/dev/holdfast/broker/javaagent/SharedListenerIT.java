package dev.holdfast.broker.javaagent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadReport;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ListeningSocket;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.varlink.JsonObject;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What unmodified JVM programs do to a listener that others share, and that these do not feel. */
@Timeout(180)
class SharedListenerIT {
  private static final String HOST = "127.0.0.1";
  private static final int BACKLOG = 77;
  private static final int ENOUGH = 60;

  @RegisterExtension final Stage stage = new Stage();

  private int port;

  private void start(String... lines) throws Exception {
    port = ListeningSocket.freePort();
    String[] all = new String[lines.length + 2];
    all[0] = "listen = \"" + HOST + ":" + port + "\"";
    all[1] = "backlog = " + BACKLOG;
    System.arraycopy(lines, 0, all, 2, lines.length);
    stage.file().listener("web", all);
    stage.start();
  }

  /** A neighbour that would hang in accept if the listener became a blocking one. */
  private ProgramProcess neighbour(Workers workers) throws Exception {
    return workers.start(
        "neighbour",
        Checkout.python(),
        Workers.script("late.py", stage.directory()).toString(),
        "0",
        "before");
  }

  @ParameterizedTest
  @EnumSource
  void whatAProgramDoesToItsSocketOthersDoNotFeel(Habit habit) throws Exception {
    Assumptions.assumeTrue(
        habit != Habit.VIRTUAL_THREADS
            || !Checkout.JAVA_HOME.equals(Checkout.java(17).getParent().getParent()),
        "no virtual threads on 17");
    start();
    Workers workers = stage.workers("web");
    ProgramProcess neighbour = neighbour(workers);
    try (SharedFacts facts = SharedFacts.of(stage.broker(), "web")) {
      ProgramProcess program =
          workers.start("program", Adopting.of(Habit.class, habit, HOST, port).words());
      LoadGenerator load = stage.lightLoad();
      Await.until(
          () -> "answers of both: " + load.snapshot() + "\n" + program.written(),
          () ->
              isServing(load, "habit-" + program.pid())
                  && isServing(load, "late-" + neighbour.pid()));
      LoadReport report = Stage.endWithoutLoss(load);
      assertThat(program.isAlive()).as(program.written()).isTrue();
      assertThat(report.served()).isGreaterThan(ENOUGH);
      assertThat(facts.seen()).as("of the listener").hasSize(1);
      assertThat(facts.seen().iterator().next().backlog()).isEqualTo(BACKLOG);
      JsonObject web = stage.broker().listener("web");
      assertThat(web.integer("flagsRestored") + web.integer("backlogRestored"))
          .as("what the broker had to put right")
          .isZero();
      assertThat(program.errLines()).as("said by the program").isEmpty();
    }
  }

  private static boolean isServing(LoadGenerator load, String worker) {
    return load.snapshot().byWorker().getOrDefault(worker, 0L) >= ENOUGH;
  }
}
