package dev.holdfast.broker.workers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.holdfast.broker.core.Account;
import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Launch;
import dev.holdfast.broker.core.Output;
import dev.holdfast.broker.core.ResourceLimit;
import dev.holdfast.broker.core.ServiceConfig;
import dev.holdfast.broker.core.WorkerExit;
import dev.holdfast.broker.core.WorkerOrder;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.fd.Children;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
class WorkersTest {

  private static final int SIGTERM = 15;

  @TempDir Path directory;
  private WorkerBench bench;
  private int descriptors;
  private static boolean warmed;

  @BeforeAll
  static void becomeSubreaper() throws Exception {
    Children.becomeSubreaper(); // as the broker does
  }

  @BeforeEach
  void open() throws Exception {
    // What is loaded and opened once for all is no leak.
    if (!warmed) {
      try (WorkerBench warm = new WorkerBench(directory.resolve("warm"))) {
        warm.run(warm.shell("echo warm"));
        warm.awaitNothingLeft();
      }
      Await.until(() -> "threads: " + threads(), () -> threads().isEmpty());
      warmed = true;
    }
    descriptors = openDescriptors();
    bench = new WorkerBench(directory);
  }

  @AfterEach
  void leavesNothing() throws Exception {
    try {
      bench.awaitNothingLeft();
    } finally {
      bench.close();
    }
    Await.until(() -> "threads: " + threads(), () -> threads().isEmpty());
    Await.until(
        () -> "descriptors: " + openDescriptors() + " instead of " + descriptors,
        () -> openDescriptors() <= descriptors);
    Await.until(
        () -> "zombie " + Children.peekEnded(),
        () -> {
          Orphans.reap(bench.workers::owns);
          return Children.peekEnded() == 0;
        });
  }

  private static int openDescriptors() {
    return new File("/proc/self/fd").list().length;
  }

  private static List<String> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> name.equals("broker-output"))
        .toList();
  }

  private static boolean isRoot() {
    return "root".equals(System.getProperty("user.name"));
  }

  // ---- the start

  @Test
  void tellsOfTheProcessBeforeItsProgramRuns() throws Exception {
    Path mark = directory.resolve("mark");
    WorkerOrder order = bench.shell("echo $$ >" + mark + "; exec sleep 1000");
    bench.workers.spawn(order);

    int pid = bench.awaitSpawned(order);

    assertThat(mark).doesNotExist(); // its go comes in the next turn of the loop
    bench.until("the program runs", () -> Files.exists(mark) && Files.size(mark) > 0);
    assertThat(Files.readString(mark).trim()).isEqualTo(Integer.toString(pid));
    bench.workers.killWorker(order.worker());
    assertThat(bench.awaitExit(order)).isEqualTo(new WorkerExit(0, 9, ""));
  }

  @Test
  void givesTheProgramItsSocketsByNumberAndNothingElse() throws Exception {
    Answer.Passed web = bench.listener("web");
    Answer.Passed api = bench.listener("api");

    WorkerExit exit =
        bench.run(
            bench.order(
                WorkerBench.launch(
                    List.of(),
                    "sh",
                    "-c",
                    "echo {fd:api} {worker} $LISTEN_FDS $LISTEN_FDNAMES; test $LISTEN_PID = $$ || exit 9;"
                        // by the shell alone: all else would open something
                        + " i=0; while [ $i -lt 600 ]; do [ -e /proc/$$/fd/$i ] && printf '%s '"
                        + " $i; i=$((i+1)); done"),
                web,
                api));

    assertThat(exit).isEqualTo(new WorkerExit(0, 0, "4 1 2 web:api\n0 1 2 3 4 "));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "env",
        "env -u NOTHING",
        "setsid -w",
        "bwrap --unshare-all --ro-bind / / --dev /dev --proc /proc",
        "unshare -n",
        "unshare -pf --mount-proc"
      })
  void saysThePidOfTheProgramInsideEveryWrapper(String sandbox) throws Exception {
    assumeThat(isRoot()).isTrue();
    List<String> words = sandbox.isEmpty() ? List.of() : List.of(sandbox.split(" ", -1));
    Answer.Passed web = bench.listener("web");

    WorkerExit exit =
        bench.run(
            bench.order(
                WorkerBench.launch(
                    words,
                    "sh",
                    "-c",
                    "test $LISTEN_PID = $$ && readlink /proc/self/fd/3 | cut -c1-6; echo"
                        + " $LISTEN_FDS"),
                web));

    assertThat(exit).isEqualTo(new WorkerExit(0, 0, "socket\n1"));
  }

  @Test
  void passesOnWhatNoShellCanName() throws Exception {
    Launch launch = WorkerBench.launch(List.of(), "env");
    Launch odd =
        new Launch(
            launch.command(),
            launch.sandbox(),
            null,
            null,
            new TreeMap<>(Map.of("odd.name", "a b", "IFS", "x", "PLAIN", "{worker}\ttab")),
            null,
            List.of(),
            null,
            false,
            launch.output());

    WorkerOrder order = bench.order(odd);
    String printed = bench.run(order).lastOutput();
    bench.until("all printed", () -> bench.printed().contains("PLAIN"));

    assertThat(bench.printed()).contains("]: odd.name=a b\n", "]: IFS=x\n", "]: PLAIN=1\ttab\n");
    assertThat(printed).isNotEmpty();
  }

  @Test
  void becomesTheAccountInItsDirectoryWithItsLimits() throws Exception {
    assumeThat(isRoot()).isTrue();
    Path file = directory.resolve("log");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    Launch launch =
        new Launch(
            List.of(
                "sh",
                "-c",
                "id -u; id -g; id -G; pwd; umask; ulimit -S -c; ulimit -H -c; nice; echo $HOME $USER;"
                    + " grep NoNewPrivs /proc/self/status; ulimit -S -n"),
            List.of(),
            new Account("somebody", 1234, 1235, List.of(1235, 1236), "/home", "/bin/sh"),
            Path.of("/usr"),
            new TreeMap<>(),
            0027,
            List.of(new ResourceLimit(ResourceLimit.Resource.CORE, 0, 0)),
            5,
            true,
            new Output.ToFile(file));

    WorkerExit exit = bench.run(bench.order(launch));

    assertThat(exit.lastOutput().split("\n", -1))
        .containsExactly(
            "1234",
            "1235",
            "1235 1236",
            "/usr",
            "0027",
            "0",
            "0",
            "5",
            "/home somebody",
            "NoNewPrivs:\t1",
            "777");
    assertThat(exit.code()).isZero();
    assertThat(Files.getAttribute(file, "unix:uid")).isEqualTo(1234);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-r-----");
  }

  @Test
  void saysWhatIsMissing() throws Exception {
    WorkerOrder missing = bench.order(WorkerBench.launch(List.of(), "no-such-program"));
    WorkerOrder forbidden = bench.order(WorkerBench.launch(List.of(), "/etc/passwd"));
    bench.workers.spawn(missing);
    bench.workers.spawn(forbidden);

    assertThat(bench.await(Event.SpawnFailed.class).message())
        .startsWith("cannot start it: exec no-such-program (PATH is /")
        .endsWith("ENOENT (No such file or directory): no such program");
    assertThat(bench.await(Event.SpawnFailed.class).message())
        .startsWith("cannot start it: exec /etc/passwd: EACCES (Permission denied): ");
  }

  @Test
  void neverRunsTheProgramOfAWorkerThatIsStoppedOrKilledMeanwhile() throws Exception {
    Path mark = directory.resolve("mark");
    WorkerOrder stopped = bench.shell("echo >" + mark);
    WorkerOrder killed = bench.shell("echo >" + mark);
    bench.workers.spawn(stopped);
    bench.workers.spawn(killed);
    bench.workers.stopWorker(stopped.worker(), SIGTERM);
    bench.workers.killWorker(killed.worker());

    bench.awaitExit(stopped);
    bench.awaitExit(killed);

    assertThat(mark).doesNotExist();
  }

  @Test
  void neverRunsTheProgramOfAWorkerThatIsStoppedAsSoonAsItIsKnown() throws Exception {
    Path mark = directory.resolve("mark");
    WorkerOrder order = bench.shell("echo >" + mark);
    bench.workers.spawn(order);
    bench.awaitSpawned(order);

    bench.workers.stopWorker(order.worker(), SIGTERM);

    assertThat(bench.awaitExit(order).code()).isEqualTo(1);
    assertThat(mark).doesNotExist();
  }

  @Test
  void leaksNothingInThreeHundredStarts() throws Exception {
    Answer.Passed web = bench.listener("web");
    for (int i = 0; i < 300; i++) {
      WorkerOrder order = bench.shell("exit 7", web);
      assertThat(bench.run(order).code()).isEqualTo(7);
      bench.events.clear();
    }
    bench.sockets.values().forEach(each -> each.close());
    bench.sockets.clear();
  }

  // ---- the end

  @Test
  void tellsTheLastLinesOfAWorkerThatFailed() throws Exception {
    WorkerExit exit = bench.run(bench.shell("seq 1 100; printf 'no\\033 end' >&2; exit 3"));

    assertThat(exit.code()).isEqualTo(3);
    assertThat(exit.lastOutput()).startsWith("82\n83\n").endsWith("\n99\n100\nno? end");
    bench.until("all printed", () -> bench.printed().contains("end"));
    assertThat(bench.printed()).contains("1970-01-01T00:00:00Z web[").contains("]: 17\n");
  }

  @Test
  void tellsTheEndOfAStoppingWorkerWhenItsGroupIsGone() throws Exception {
    WorkerOrder order =
        bench.shell(
            "trap 'exit 4' TERM; (trap 'sleep 0.3; exit' TERM; echo up; while :; do sleep 0.05;"
                + " done) & while :; do sleep 0.05; done");
    bench.workers.spawn(order);
    int pid = bench.awaitSpawned(order);
    bench.until("up", () -> bench.printed().contains("up"));

    bench.workers.stopWorker(order.worker(), SIGTERM);

    assertThat(bench.awaitExit(order).code()).isEqualTo(4);
    assertThat(Leftovers.look(java.util.Set.of(pid), order.lease(), false).members()).isEmpty();
  }

  @Test
  void endsWhatAFailedWorkerLeavesBehind() throws Exception {
    bench.stopping = new ServiceConfig.Stopping(SIGTERM, Duration.ofMillis(300));
    WorkerOrder order =
        bench.shell(
            "(trap '' TERM; echo up; while :; do sleep 0.05; done) & while ! test -e "
                + directory.resolve("fail")
                + "; do sleep 0.05; done; exit 5");
    bench.workers.spawn(order);
    int pid = bench.awaitSpawned(order);
    bench.until("up", () -> bench.printed().contains("up"));
    Files.createFile(directory.resolve("fail"));

    assertThat(bench.awaitExit(order).code()).isEqualTo(5);
    assertThat(bench.workers.owns(pid)).isTrue(); // the zombie keeps the group's number
    bench.awaitNothingLeft();
    assertThat(bench.workers.owns(pid)).isFalse();
  }

  @Test
  void killsTheWholeGroupAndThoseThatLeftIt() throws Exception {
    Path pids = directory.resolve("pids");
    WorkerOrder order =
        bench.shell(
            "trap '' TERM; sleep 1000 & echo $! >"
                + pids
                + "; setsid sh -c 'echo $$ >>"
                + pids
                + "; echo up; exec sleep 1000' & wait");
    bench.workers.spawn(order);
    bench.until("up", () -> bench.printed().contains("up"));

    bench.workers.killWorker(order.worker());

    assertThat(bench.awaitExit(order).signal()).isEqualTo(9);
    for (String pid : Files.readAllLines(pids)) {
      bench.until(
          pid + " is gone",
          () -> ProcessFacts.of(Integer.parseInt(pid)).filter(ProcessFacts::isAlive).isEmpty());
    }
  }

  @Test
  void followsAWorkerThatGoesIntoTheBackground() throws Exception {
    WorkerOrder order = bench.shell("setsid sh -c 'echo up; exec sleep 1000' & exit 0");
    bench.workers.spawn(order);
    int first = bench.awaitSpawned(order);

    int second = bench.await(Event.MainProcess.class).pid();

    assertThat(second).isNotEqualTo(first);
    assertThat(bench.workers.pid(order.worker())).hasValue(second);
    bench.until("up", () -> bench.printed().contains("up"));
    bench.workers.stopWorker(order.worker(), SIGTERM);
    bench.awaitExit(order);
  }

  @Test
  void tellsHowAProcessEndedThatWasFollowed() throws Exception {
    WorkerOrder order = bench.shell("(sleep 0.2; exit 42) & exit 0");
    bench.workers.spawn(order);
    bench.await(Event.MainProcess.class);

    assertThat(bench.awaitExit(order)).isEqualTo(new WorkerExit(42, 0, ""));
  }

  @Test
  void reapsOrphansBehindAZombieThatIsKept() throws Exception {
    bench.stopping = new ServiceConfig.Stopping(SIGTERM, Duration.ofSeconds(3));
    Path pids = directory.resolve("pids");
    // The leader fails, one of its group stays: the leader is a zombie until that has ended. Two
    // others end while it is.
    WorkerOrder order =
        bench.shell(
            "(trap '' TERM; while ! test -e "
                + directory.resolve("end")
                + "; do sleep 0.05; done) & (exec setsid sh -c 'echo $$; sleep 0.2' >"
                + pids
                + ") & sleep 0.1; exit 1");
    bench.run(order);

    bench.until(
        "the orphan is reaped",
        () -> ProcessFacts.of(Integer.parseInt(Files.readString(pids).trim())).isEmpty());
    assertThat(bench.workers.isEmpty()).isFalse();
    Files.createFile(directory.resolve("end"));
  }

  @Test
  void doesNotFollowWhatAFailedWorkerLeftBehind() throws Exception {
    WorkerOrder order = bench.shell("sleep 1000 & exit 1");
    WorkerExit exit = bench.run(order);

    assertThat(exit.code()).isEqualTo(1);
    assertThat(bench.events).noneMatch(Event.MainProcess.class::isInstance);
  }

  // ---- output

  @Test
  void tellsTheLastOutputOfALivingWorker() throws Exception {
    WorkerOrder order = bench.shell("echo one; echo two; exec sleep 1000");
    bench.workers.spawn(order);
    bench.until("printed", () -> bench.printed().contains("two"));

    bench.workers.askOutput(order.worker());

    assertThat(bench.await(Event.LastOutput.class).text()).isEqualTo("one\ntwo");
    bench.workers.killWorker(order.worker());
    bench.awaitExit(order);
  }

  @Test
  void tellsWhatStandsInAFileSinceTheStart() throws Exception {
    Path file = directory.resolve("out");
    Files.writeString(file, "old\n");
    Launch launch = WorkerBench.launch(List.of(), "sh", "-c", "echo new; exit 2");
    Launch toFile =
        new Launch(
            launch.command(),
            List.of(),
            null,
            null,
            new TreeMap<>(),
            null,
            List.of(),
            null,
            false,
            new Output.ToFile(file));

    assertThat(bench.run(bench.order(toFile))).isEqualTo(new WorkerExit(2, 0, "new"));
    assertThat(file).hasContent("old\nnew\n");
  }

  @Test
  void doesNotBlockAWorkerWhoseLogNobodyReads() throws Exception {
    bench.stderrIsFull = true;
    WorkerOrder order = bench.shell("seq 1 500000; echo done >&2; exit 6");

    WorkerExit exit = bench.run(order);

    assertThat(exit.code()).isEqualTo(6);
    assertThat(exit.lastOutput()).endsWith("done");
    bench.stderrIsFull = false;
    bench.run(bench.shell("echo after; exit 1"));
    bench.until("told again", () -> bench.printed().contains("after"));
  }

  // ---- notify

  private static final String NOTIFY =
      "import os,socket,array,sys,time\n"
          + "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
          + "s.connect(os.environ['NOTIFY_SOCKET'])\n"
          + "def say(t,*fds):\n"
          + " s.sendmsg([t.encode()],[(socket.SOL_SOCKET,socket.SCM_RIGHTS,array.array('i',fds))]"
          + " if fds else [])\n";

  @Test
  void tellsWhatAWorkerSays() throws Exception {
    assumeThat(isRoot()).isTrue();
    Launch launch = bench.python(NOTIFY + "say('READY=1\\nSTATUS=all well')\nexit(1)").launch();
    Launch nobody =
        new Launch(
            launch.command(),
            List.of(),
            new Account("somebody", 1234, 1235, List.of(1235), "/", "/bin/sh"),
            Path.of("/"),
            new TreeMap<>(Map.of("PATH", "/usr/bin:/bin")),
            null,
            List.of(),
            null,
            false,
            launch.output());
    for (Path each = directory; each != null && each.startsWith("/tmp"); each = each.getParent()) {
      if (!each.equals(Path.of("/tmp"))) {
        Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwx--x--x"));
      }
    }
    WorkerOrder order = bench.order(nobody);
    bench.workers.spawn(order);

    Event.Notified notified = bench.await(Event.Notified.class);

    assertThat(notified.lease()).isEqualTo(order.lease());
    assertThat(notified.said().ready()).isTrue();
    assertThat(notified.said().status()).isEqualTo("all well");
    assertThat(bench.awaitExit(order).code()).isEqualTo(1);
  }

  @Test
  void hearsTheLastWordsBeforeTheEnd() throws Exception {
    WorkerOrder order = bench.python(NOTIFY + "say('STATUS=no port')\nos._exit(1)");
    bench.workers.spawn(order);
    bench.awaitExit(order);

    assertThat(bench.events).anyMatch(Event.Notified.class::isInstance);
  }

  @Test
  void givesTheNextWorkerWhatThisOneStored() throws Exception {
    String store =
        NOTIFY
            + "f=open('/etc/hostname'); a,b=socket.socketpair(); r,w=os.pipe()\n"
            + "say('FDSTORE=1\\nFDNAME=file',f.fileno())\n"
            + "say('FDSTORE=1\\nFDNAME=file',f.fileno())\n" // once is enough
            + "say('FDSTORE=1\\nFDNAME=gone',a.fileno())\n" // its other end goes with the process
            + "say('FDSTORE=1\\nFDPOLL=0\\nFDNAME=kept',w)\n"
            + "say('FDSTORE=1\\nFDNAME=bad:name',os.memfd_create('m'))\n"
            + "say('FDSTORE=1\\nFDNAME=removed',os.memfd_create('r'))\n"
            + "say('FDSTOREREMOVE=1\\nFDNAME=removed')\n"
            + "x,y=os.pipe(); say('BARRIER=1',y); os.close(y); os.read(x,1)\n"
            + "os._exit(1)";
    bench.run(bench.python(store));
    bench.until(
        "the half of a pair is dropped",
        () -> {
          WorkerOrder next = bench.shell("echo $LISTEN_FDS $LISTEN_FDNAMES; exit 1");
          return bench.run(next).lastOutput().equals("3 file:kept:stored");
        });
    Answer.Passed web = bench.listener("web");

    WorkerExit exit =
        bench.run(
            bench.shell(
                "echo $LISTEN_FDNAMES; readlink /proc/$$/fd/4; cat <&4 | wc -l; exit 1", web));

    assertThat(exit.lastOutput()).isEqualTo("web:file:kept:stored\n/etc/hostname\n1");
    bench.workers.forgetService("web");
    assertThat(bench.run(bench.shell("echo $LISTEN_FDS; exit 1")).lastOutput()).isEqualTo("0");
  }

  @Test
  void storesNoMoreThanTheServiceMay() throws Exception {
    bench.run(
        bench.python(
            NOTIFY
                + "for i in range(6): say('FDSTORE=1',os.memfd_create(str(i)))\n"
                + "say('STATUS=x',os.memfd_create('unasked'))\nos._exit(1)"));

    assertThat(bench.run(bench.shell("echo $LISTEN_FDS $LISTEN_FDNAMES; exit 1")).lastOutput())
        .isEqualTo("4 stored:stored:stored:stored");
    assertThat(bench.events.stream().filter(Event.Warned.class::isInstance)).hasSize(1);
    bench.workers.forgetService("web");
  }

  @Test
  void followsTheMainProcessThatAWorkerNamesIfItIsItsOwn() throws Exception {
    WorkerOrder order =
        bench.python(
            NOTIFY
                + "say('MAINPID=1')\n"
                + "p=os.fork()\n"
                + "if p==0: time.sleep(1000)\n"
                + "say('MAINPID=%d'%p)\nprint(p)\nos.wait()\nos._exit(1)");
    bench.workers.spawn(order);

    int second = bench.await(Event.MainProcess.class).pid();

    bench.until("printed", () -> bench.printed().contains("]: " + second + "\n"));
    assertThat(bench.await(Event.Warned.class).message())
        .contains("MAINPID that it said is ignored");
    bench.workers.stopWorker(order.worker(), SIGTERM);
    bench.awaitExit(order);
  }
}
