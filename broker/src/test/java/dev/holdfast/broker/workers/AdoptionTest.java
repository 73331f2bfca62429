package dev.holdfast.broker.workers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Launch;
import dev.holdfast.broker.core.Output;
import dev.holdfast.broker.core.ServiceConfig;
import dev.holdfast.broker.core.WorkerExit;
import dev.holdfast.broker.core.WorkerOrder;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.fd.Children;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.Pipe;
import dev.holdfast.fd.Supervisor;
import dev.holdfast.listener.LeaseId;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Workers that one broker has started and another goes on with. */
@Timeout(60)
class AdoptionTest {

  private static final int SIGTERM = 15;
  private static final int SIGSTOP = 19;

  @TempDir Path directory;
  private WorkerBench old;
  private WorkerBench next;
  private long descriptors;

  @BeforeAll
  static void becomeSubreaper(@TempDir Path directory) throws Exception {
    Children.becomeSubreaper();
    // What is loaded and opened once for all is no leak.
    try (WorkerBench warm = new WorkerBench(directory)) {
      warm.run(warm.shell("echo warm"));
      warm.awaitNothingLeft();
    }
  }

  @BeforeEach
  void open() throws Exception {
    descriptors = descriptors();
    old = new WorkerBench(directory);
    next = new WorkerBench(directory);
  }

  @AfterEach
  void close() throws Exception {
    try {
      next.awaitNothingLeft();
    } finally {
      next.close();
      old.close();
    }
    Await.until(
        () -> "descriptors: " + descriptors() + " instead of " + descriptors,
        () -> descriptors() <= descriptors);
  }

  /** Of the kinds that are moved here. */
  private static long descriptors() {
    long count = 0;
    for (String number : new File("/proc/self/fd").list()) {
      try {
        String link = Proc.link("/proc/self/fd/" + number).orElse("");
        if (link.matches("(pipe|socket|anon_inode):.*")) {
          count++;
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return count;
  }

  /** Starts a worker in the old one; it has printed {@code up}. */
  private int start(WorkerOrder order) throws Exception {
    old.workers.spawn(order);
    int pid = old.awaitSpawned(order);
    old.until("up", () -> old.printed().contains("up\n"));
    return pid;
  }

  /** As after a crash: what the old one knew is found again by pid. */
  private void adopt(WorkerOrder order, int pid, boolean thaw) throws Exception {
    old.letGo();
    OwnedFd output = Pipe.readerOf("/proc/" + pid + "/fd/1");
    next.workers.adopt(order, Pidfd.open(pid), Optional.of(output), thaw);
  }

  @Test
  void anAdoptedWorkerIsReadStoppedAndItsEndTold() throws Exception {
    WorkerOrder order =
        old.shell("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done");
    int pid = start(order);

    adopt(order, pid, false);

    assertThat(next.workers.pid(order.worker())).hasValue(pid);
    assertThat(next.workers.owns(pid)).isTrue();
    next.workers.stopWorker(order.worker(), SIGTERM);
    assertThat(next.await(Event.Asked.class).lease()).isEqualTo(order.lease());
    assertThat(next.awaitExit(order)).isEqualTo(new WorkerExit(7, 0, "bye"));
    next.until("printed", () -> next.printed().contains("web[" + pid + "]: bye\n"));
  }

  @Test
  void theEndOfOneThatSomebodyElseReapedIsUnknownOrRight() throws Exception {
    // A child of a shell, which reaps it.
    Path file = directory.resolve("pid");
    WorkerOrder shell =
        old.shell("sh -c 'echo $$ >" + file + "; echo up; exec sleep 1000'; sleep 1000");
    start(shell);
    int child = Integer.parseInt(Files.readString(file).trim());
    WorkerOrder order = next.shell("ignored");
    next.workers.adopt(order, Pidfd.open(child), Optional.empty(), false);

    ProgramProcess.signal(child, ProgramProcess.SIGKILL);

    // Linux 6.15 tells it; before, a zombie may be seen or not.
    assertThat(next.awaitExit(order))
        .isIn(new WorkerExit(0, 9, ""), new WorkerExit(WorkerExit.UNKNOWN, 0, ""));
    old.workers.killWorker(shell.worker());
    old.awaitExit(shell);
  }

  @Test
  void killsTheGroupOfAnAdoptedWorker() throws Exception {
    Path pids = directory.resolve("pids");
    WorkerOrder order =
        old.shell("trap '' TERM; sleep 1000 & echo $! >" + pids + "; echo up; wait");
    int pid = start(order);

    adopt(order, pid, false);
    next.workers.killWorker(order.worker());

    assertThat(next.awaitExit(order).signal()).isEqualTo(9);
    int child = Integer.parseInt(Files.readString(pids).trim());
    next.until(
        "the group is gone", () -> ProcessFacts.of(child).filter(ProcessFacts::isAlive).isEmpty());
  }

  @Test
  void endsWhatAnAdoptedWorkerLeavesBehind() throws Exception {
    next.stopping = new ServiceConfig.Stopping(SIGTERM, Duration.ofMillis(300));
    Path pids = directory.resolve("pids");
    WorkerOrder order =
        old.shell(
            "(trap '' TERM; while :; do sleep 0.05; done) & echo $! >"
                + pids
                + "; echo up; while ! test -e "
                + directory.resolve("fail")
                + "; do sleep 0.05; done; exit 5");
    int pid = start(order);

    adopt(order, pid, false);
    Files.createFile(directory.resolve("fail"));

    assertThat(next.awaitExit(order).code()).isEqualTo(5);
    next.awaitNothingLeft();
    int child = Integer.parseInt(Files.readString(pids).trim());
    assertThat(ProcessFacts.of(child).filter(ProcessFacts::isAlive)).isEmpty();
  }

  @Test
  void continuesOneThatTheOldOneLeftStopped() throws Exception {
    WorkerOrder order = old.shell("echo up; sleep 1000 & wait");
    int pid = start(order);
    for (int each : ProcessTree.of(pid)) {
      ProgramProcess.signal(each, SIGSTOP);
    }
    Await.until(() -> "it is not stopped", () -> state(pid) == 'T');

    adopt(order, pid, true);

    next.until(
        "all go on", () -> ProcessTree.of(pid).stream().noneMatch(each -> state(each) == 'T'));
    next.workers.stopWorker(order.worker(), SIGTERM);
    assertThat(next.awaitExit(order).signal()).isEqualTo(SIGTERM);
  }

  private static char state(int pid) {
    return ProcessFacts.of(pid).map(ProcessFacts::state).orElse('X');
  }

  @Test
  void continuesTheHolderOfALease() throws Exception {
    try (OwnedFd listener = Listening.tcp(true);
        Program program = Program.python(listener, "print('up'); time.sleep(60)")) {
      assertThat(program.line()).isEqualTo("up");
      program.signal(SIGSTOP);
      program.awaitState('T');

      next.observer.thaw(program.pidfd(), 0);

      Await.until(() -> "it stays stopped", () -> !program.isStopped());
    }
  }

  /** kill_orphaned_pgrp() in the kernel: it would, were it of our session. */
  @Test
  void aStoppedWorkerIsNotHungUpWhenItsBrokerIsKilled() throws Exception {
    WorkerOrder order = old.shell("echo up; exec sleep 1000");
    int pid = start(order);

    String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);

    assertThat(fields[3]).isEqualTo(Integer.toString(pid)); // it leads a session
    adopt(order, pid, false);
    next.workers.killWorker(order.worker());
    next.awaitExit(order);
  }

  @Test
  void theTailOfAFileBeginsWhereItIsAdopted() throws Exception {
    Path file = directory.resolve("out");
    Path go = directory.resolve("go");
    Launch launch =
        WorkerBench.launch(
            List.of(),
            "sh",
            "-c",
            "echo old; while ! test -e " + go + "; do sleep 0.05; done; echo new; exit 3");
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
    WorkerOrder order = old.order(toFile);
    old.workers.spawn(order);
    int pid = old.awaitSpawned(order);
    old.until("old is there", () -> Files.exists(file) && Files.size(file) == 4);
    old.letGo();

    next.workers.adopt(order, Pidfd.open(pid), Optional.empty(), false);
    next.workers.askOutput(order.worker()); // after it was opened
    assertThat(next.await(Event.LastOutput.class).text()).isEmpty();
    Files.createFile(go);

    assertThat(next.awaitExit(order)).isEqualTo(new WorkerExit(3, 0, "new"));
  }

  // ---- handover

  @Test
  void handsOverWorkersOutputsAndDepositsAndGoesOnWhenNothingComesOfIt() throws Exception {
    Answer.Passed web = old.listener("web");
    WorkerOrder order =
        old.shell(
            "printf 'up\nhalf'; while ! test -e "
                + directory.resolve("go")
                + "; do sleep 0.05; done; echo whole; exec sleep 1000",
            web);
    int pid = start(order);
    old.workers.adoptDeposit(
        "web", "kept", false, old.socket(web.socket().id()).orElseThrow().dup());
    old.until("quiet", old.workers::isQuiet);

    assertThat(old.outputs.pause()).isTrue();
    old.until("what has begun is printed", () -> old.printed().contains("]: half\n"));
    List<Workers.Handed> handed = old.workers.handOver();
    assertThat(handed).hasSize(1);
    assertThat(handed.get(0).process().pid()).isEqualTo(pid);
    assertThat(handed.get(0).output()).isPresent();
    assertThat(old.workers.deposits())
        .extracting(Workers.HandedDeposit::service, Workers.HandedDeposit::name)
        .containsExactly(tuple("web", "kept"));
    Files.createFile(directory.resolve("go"));

    OwnedFd reader = handed.get(0).output().orElseThrow().dup();
    Pidfd process = handed.get(0).process().dup();
    OwnedFd deposit = old.workers.deposits().get(0).fd().dup();
    next.workers.adopt(order, process, Optional.of(reader), false);
    next.workers.adoptDeposit("web", "kept", false, deposit);
    next.until("the successor reads", () -> next.printed().contains("]: whole\n"));
    assertThat(old.printed()).doesNotContain("whole");
    old.letGo();
    assertThat(old.workers.isEmpty()).isTrue();
    next.workers.killWorker(order.worker());
    assertThat(next.awaitExit(order).signal()).isEqualTo(9);
    next.workers.forgetService("web");
  }

  @Test
  void readsOnAfterAPause() throws Exception {
    WorkerOrder order =
        old.shell(
            "echo up; while ! test -e "
                + directory.resolve("go")
                + "; do sleep 0.05; done; echo after; exit 2");
    start(order);
    assertThat(old.outputs.pause()).isTrue();
    assertThat(old.outputs.pause()).isTrue();
    Files.createFile(directory.resolve("go"));
    old.outputs.resume();

    assertThat(old.awaitExit(order)).isEqualTo(new WorkerExit(2, 0, "up\nafter"));
  }

  @Test
  void isNotQuietWhileAWorkerIsMade() throws Exception {
    WorkerOrder order = old.shell("echo up; exec sleep 1000");
    assertThat(old.workers.isQuiet()).isTrue();
    old.workers.spawn(order);
    assertThat(old.workers.isQuiet()).isFalse();
    old.until("quiet", () -> old.printed().contains("up") && old.workers.isQuiet());
    old.workers.killWorker(order.worker());
    old.awaitExit(order);
  }

  @Test
  void nobodyIsAskedWhileTheObserverIsPaused() throws Exception {
    WorkerOrder order = old.shell("trap 'exit 4' TERM; echo up; while :; do sleep 0.05; done");
    start(order);
    old.observer.pause();
    old.workers.stopWorker(order.worker(), SIGTERM);
    assertThat(old.observer.isQuiet()).isFalse();
    old.observer.resume();

    assertThat(old.awaitExit(order).code()).isEqualTo(4);
    assertThat(old.events).contains(new Event.Asked(order.lease()));
    old.until("quiet", old.observer::isQuiet);
  }

  // ---- notify sockets

  private static String speakAfter(Path go) {
    return """
        import os,socket,time
        s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)
        print('up')
        while not os.path.exists('%s'): time.sleep(0.02)
        s.connect(os.environ['NOTIFY_SOCKET']); s.send(b'READY=1')
        os._exit(1)
        """
        .formatted(go);
  }

  @Test
  void aProgramSpeaksOnAtItsPathAfterACrash() throws Exception {
    Path go = directory.resolve("go");
    WorkerOrder order = old.python(speakAfter(go));
    int pid = start(order);

    adopt(order, pid, false);
    String path = next.notify.reopen(order.lease(), Limits.effectiveUid());
    assertThat(path).contains("/" + order.lease() + "-");
    Files.createFile(go);

    assertThat(next.await(Event.Notified.class).lease()).isEqualTo(order.lease());
    next.awaitExit(order);
    Await.until(() -> "the path stays", () -> !Files.exists(Path.of(path)));
  }

  @Test
  void aProgramSpeaksOnThroughAHandover() throws Exception {
    LeaseId lease = new LeaseId("one-1");
    Path path = Path.of(old.notify.open(lease, Limits.effectiveUid()));
    List<NotifySockets.Handed> handed = old.notify.handOver();
    assertThat(handed).hasSize(1);
    Supervisor.tell(path.toString(), "READY=1", Duration.ZERO); // nobody reads it yet

    next.notify.adopt(handed.get(0).lease(), handed.get(0).path(), handed.get(0).socket().dup());
    old.notify.letGo();
    old.notify.close();

    assertThat(next.await(Event.Notified.class).said().ready()).isTrue();
    assertThat(path).exists();
    next.notify.close(lease);
    Await.until(() -> "the path stays", () -> !Files.exists(path));
  }

  @Test
  void leftoversGoOnlyWhenTheyAreSweptAndTheirLeaseIsUnknown() throws Exception {
    LeaseId known = new LeaseId("one-1");
    LeaseId gone = new LeaseId("one-2");
    LeaseId fresh = new LeaseId("two-1");
    int uid = Limits.effectiveUid();
    Path kept = Path.of(old.notify.open(known, uid));
    Path left = Path.of(old.notify.open(gone, uid));
    old.notify.letGo();
    Path opened = Path.of(next.notify.open(fresh, uid));
    assertThat(left).exists();

    next.notify.sweep(Set.of(known));

    assertThat(left).doesNotExist();
    assertThat(opened).exists();
    assertThat(next.notify.reopen(known, uid)).isEqualTo(kept.toString());
    assertThatThrownBy(() -> next.notify.reopen(gone, uid))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no notify socket of lease one-2 is left");
  }

  /**
   * Its group cannot be read any more then, and 0 in its place would mean process 1 and the whole
   * host behind it, where process 1 has made no group of its own.
   */
  @Test
  void oneThatHasEndedBeforeItIsAdoptedHasNoGroup() throws Exception {
    WorkerOrder order = old.shell("exit 0");
    Process ended = new ProcessBuilder("sleep", "60").start();
    Pidfd pidfd = Pidfd.open((int) ended.pid());
    ended.destroyForcibly().waitFor();
    Worker worker = new Worker(order);
    worker.first = MainProcess.again(pidfd, 0);
    try {
      assertThat(worker.groups()).isEmpty();
      assertThat(Leftovers.look(Set.of(0), order.lease(), true).members()).isEmpty();
    } finally {
      worker.first.letGo();
    }
  }
}
