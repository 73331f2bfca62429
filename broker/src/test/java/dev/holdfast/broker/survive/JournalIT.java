package dev.holdfast.broker.survive;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.services.Client;
import dev.holdfast.broker.services.Stage;
import dev.holdfast.broker.testing.Await;
import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Options;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.Processes;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.SocketIdentity;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Whatever is in the journal's place when the broker starts: it starts, it hands out no socket but
 * the right one, and it says what it did not believe.
 */
@Timeout(1800)
class JournalIT {
  private static final boolean PROOF = Boolean.getBoolean("holdfast.proof");
  private static final int TEARS = PROOF ? 120 : 5;
  private static final int NOBODY = 65534;

  @RegisterExtension final Stage stage = new Stage();

  private ProgramProcess worker;
  private SocketIdentity web;
  private SocketIdentity other;
  private JournalFile journal;

  /** Two listeners, each held by a worker outside; then the broker is killed. */
  private void crashWithWorkers() throws Exception {
    crashWithWorkers(Options.none());
  }

  private void crashWithWorkers(Options options) throws Exception {
    stage.file().listener("web").listener("other");
    BrokerProcess broker = stage.start(options);
    worker = holder("web");
    ProgramProcess second = holder("other");
    for (ProgramProcess each : List.of(worker, second)) {
      Await.until(
          () -> "the lease of " + each + ": " + each.written(),
          () -> broker.leases().stream().anyMatch(lease -> lease.integer("pid") == each.pid()));
    }
    web = SocketIdentity.of(broker, "web");
    other = SocketIdentity.of(broker, "other");
    Await.until(() -> "leases of the test", () -> broker.leases().size() == 2);
    stage.crash();
    journal = JournalFile.in(stage.directory().resolve("state"));
  }

  private ProgramProcess holder(String listener) throws Exception {
    return stage
        .workers(listener)
        .exec(
            "holder of " + listener,
            Checkout.python(),
            Workers.script("late.py", stage.directory()).toString(),
            "0",
            "before");
  }

  /** Each listener is what its name says: the socket of before, or a new one; never another's. */
  private void assertNoWrongSocket() throws Exception {
    BrokerProcess broker = stage.broker();
    for (JsonObject each : broker.control("List", JsonObject.EMPTY).objects("listeners")) {
      String name = each.string("name");
      SocketIdentity before = name.equals("web") ? web : other;
      SocketIdentity now = SocketIdentity.of(broker, name);
      assertThat(now.endpoint()).as(name).isEqualTo(each.string("endpoint"));
      if (now.inode() != before.inode()) {
        assertThat(now.cookie()).as("%s: a new socket", name).isNotEqualTo(before.cookie());
        assertThat(now.endpoint()).as("%s: a new socket", name).isNotEqualTo(before.endpoint());
      } else {
        assertThat(now).isEqualTo(before);
      }
    }
    assertThat(broker.process().written()).doesNotContain("\tat ", "internal error");
  }

  private void assertRecovered() throws Exception {
    assertThat(SocketIdentity.of(stage.broker(), "web")).isEqualTo(web);
    assertThat(SocketIdentity.of(stage.broker(), "other")).isEqualTo(other);
  }

  /** Nothing is taken from it: new sockets, and a line that says why. */
  private void assertNotBelieved(String why) throws Exception {
    assertSaid(why);
    assertNoWrongSocket();
    for (SocketIdentity before : List.of(web, other)) {
      String name = before.equals(web) ? "web" : "other";
      assertThat(SocketIdentity.of(stage.broker(), name).inode())
          .as("%s, after a journal that must not be believed", name)
          .isNotEqualTo(before.inode());
    }
  }

  /** The next one has a journal again that can be believed. */
  private void assertMended() throws Exception {
    web = SocketIdentity.of(stage.broker(), "web");
    other = SocketIdentity.of(stage.broker(), "other");
    ProgramProcess one = holder("web");
    ProgramProcess two = holder("other");
    Await.until(
        () -> "the leases of " + one + " and " + two + ": " + stage.broker().lastWritten(),
        () -> stage.broker().leases().size() == 2);
    stage.crash();
    stage.startAgain();
    assertRecovered();
  }

  private void assertSaid(String why) {
    assertThat(stage.broker().stderr())
        .as("a line on the journal")
        .anySatisfy(line -> assertThat(line).containsPattern("(?i)journal.*(" + why + ")"));
  }

  // ---- torn

  @Test
  void tornAtSeveralPlaces() throws Exception {
    crashWithWorkers();
    long seed = Long.getLong("holdfast.seed", System.nanoTime());
    System.out.printf("JournalIT.tornAtSeveralPlaces: -Dholdfast.seed=%d%n", seed);
    Random random = new Random(seed);
    byte[] whole = journal.bytes();
    int lines = journal.lines().size();
    assertThat(lines).as("lines of a journal of two listeners and two leases").isGreaterThan(4);
    List<Integer> lengths = new ArrayList<>(List.of(0, 1, whole.length - 1));
    IntStream.range(lengths.size(), TEARS)
        .forEach(i -> lengths.add(1 + random.nextInt(whole.length - 1)));
    for (int length : lengths) {
      journal.write(Arrays.copyOf(whole, length));
      stage.startAgain();
      assertNoWrongSocket();
      if (length == whole.length - 1) {
        assertRecovered();
      }
      stage.crash();
    }
    journal.write(whole);
    stage.startAgain();
    assertRecovered();
  }

  @Test
  void damagedInTheMiddle() throws Exception {
    crashWithWorkers();
    byte[] whole = journal.bytes();
    String text = new String(whole, UTF_8);
    int second = text.indexOf('\n') + 1;
    int last = text.lastIndexOf('\n', text.length() - 2) + 1;
    for (int at : new int[] {second + 3, second + 20, last - 10, last + 2}) {
      byte[] damaged = whole.clone();
      damaged[at] ^= 1;
      journal.write(damaged);
      stage.startAgain();
      assertSaid("damaged");
      assertNoWrongSocket();
      stage.crash();
    }
    byte[] header = whole.clone();
    header[12] ^= 1;
    journal.write(header);
    stage.startAgain();
    assertNotBelieved("damaged|begin|whole");
  }

  @Test
  void somethingElseEntirely() throws Exception {
    crashWithWorkers();
    byte[] noise = new byte[100_000];
    new Random(1).nextBytes(noise);
    journal.write(noise);
    stage.startAgain();
    assertNotBelieved("damaged|begin|whole");
    assertMended();
  }

  // ---- another's

  @Test
  void ofAnotherBoot() throws Exception {
    crashWithWorkers();
    String boot = journal.header().string("boot");
    assertThat(Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip())
        .isEqualTo(boot);
    journal.rewrite(line -> line.replace(boot, "00000000-0000-4000-8000-000000000000"));
    stage.startAgain();
    assertNotBelieved("boot");
  }

  @Test
  void ofAnotherFormat() throws Exception {
    crashWithWorkers();
    long format = journal.header().integer("format");
    journal.rewrite(line -> line.replace("\"format\":" + format, "\"format\":999"));
    stage.startAgain();
    assertNotBelieved("format");
  }

  @Test
  void ownedByAnotherUser() throws Exception {
    Assumptions.assumeTrue(Checkout.isRoot(), "only root can give a file away");
    crashWithWorkers();
    Files.setAttribute(journal.path(), "unix:uid", NOBODY);
    stage.startAgain();
    assertNotBelieved("owner|owned|belongs|uid");
  }

  @Test
  void writableByOthers() throws Exception {
    crashWithWorkers();
    Files.setPosixFilePermissions(journal.path(), PosixFilePermissions.fromString("rw--w----"));
    stage.startAgain();
    assertNotBelieved("writ|permission|mode");
  }

  @Test
  void aSymbolicLink() throws Exception {
    crashWithWorkers();
    Path elsewhere = stage.directory().resolve("elsewhere");
    Files.move(journal.path(), elsewhere);
    Files.createSymbolicLink(journal.path(), elsewhere);
    byte[] whole = Files.readAllBytes(elsewhere);
    stage.startAgain();
    assertNotBelieved("link|ELOOP");
    assertMended();
    assertThat(elsewhere).as("behind the link").hasBinaryContent(whole);
    assertThat(journal.path()).as("what took its place").isRegularFile();
    assertThat(Files.isSymbolicLink(journal.path())).isFalse();
  }

  @Test
  void aFifoThatNobodyWrites() throws Exception {
    crashWithWorkers();
    Files.delete(journal.path());
    ProgramProcess made =
        stage.keep(
            ProgramProcess.start(
                "mkfifo",
                List.of(Checkout.installed("mkfifo", "coreutils"), journal.path().toString()),
                Map.of()));
    assertThat(made.awaitEnd()).isZero();
    stage.startAgain();
    assertNotBelieved("regular|file|FIFO|pipe");
    assertMended();
  }

  @Test
  void aDirectory() throws Exception {
    crashWithWorkers();
    Files.delete(journal.path());
    Files.createDirectory(journal.path());
    stage.startAgain();
    assertSaid("directory|regular|file");
    assertNoWrongSocket();
  }

  @Test
  void noneAtAll() throws Exception {
    crashWithWorkers();
    Files.delete(journal.path());
    stage.startAgain();
    assertNoWrongSocket();
  }

  /** A copy of the journal of a broker that lives: all that is in it is that one's. */
  @Test
  void ofAnotherBroker() throws Exception {
    crashWithWorkers();
    Path directory = stage.keep(new Elsewhere()).directory();
    Path state = Files.createDirectory(directory.resolve("state"));
    Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rwx------"));
    Files.copy(
        journal.path(),
        state.resolve(journal.path().getFileName()),
        StandardCopyOption.COPY_ATTRIBUTES);
    stage.startAgain();
    assertRecovered();
    try (BrokerProcess copy = BrokerProcess.start(Options.none(), directory)) {
      assertThat(copy.stderr())
          .as("a line on the journal")
          .anyMatch(line -> line.contains("journal") && line.contains("ignored"));
      assertThat(copy.leases()).isEmpty();
      assertThat(copy.process().written()).doesNotContain("\tat ", "internal error");
      copy.kill();
    }
    assertThat(worker.isAlive()).isTrue();
    assertRecovered();
    assertThat(stage.broker().leases()).hasSize(2);
  }

  private static final class Elsewhere implements AutoCloseable {
    private final Path directory;

    Elsewhere() throws IOException {
      directory = BrokerProcess.newDirectory();
    }

    Path directory() {
      return directory;
    }

    @Override
    public void close() throws IOException {
      BrokerProcess.delete(directory);
    }
  }

  // ---- processes that it names

  /**
   * A program that never met the broker: it listens elsewhere, with the number that a worker has.
   */
  private ProgramProcess bystander() throws Exception {
    ProgramProcess bystander =
        stage.program(
            "bystander",
            Checkout.python(),
            "-c",
            "import os, signal, socket; s = socket.create_server(('127.0.0.1', 0));"
                + " os.dup2(s.fileno(), 3); print('listens', flush=True); signal.pause()");
    Await.until(() -> bystander.written(), () -> bystander.outLines().contains("listens"));
    return bystander;
  }

  /** The worker is gone, and its pid was given to somebody else. */
  @Test
  void aPidThatWasGivenToAnother() throws Exception {
    crashWithWorkers();
    ProgramProcess bystander = bystander();
    journal.rewrite(line -> withPid(line, worker.pid(), bystander.pid()));
    assertThat(journal.names("\"pid\":" + bystander.pid())).isTrue();
    worker.kill();
    stage.startAgain();
    assertThat(SocketIdentity.of(stage.broker(), "other")).isEqualTo(other);
    assertThat(SocketIdentity.of(stage.broker(), "web").inode()).isNotEqualTo(web.inode());
    assertNotAHolder(bystander);
    assertThat(stage.broker().lastWritten()).contains("listenerLost");
  }

  /** The same, but the worker lives: the socket is found with it all the same. */
  @Test
  void aPidOfAnotherWhileTheHolderLives() throws Exception {
    crashWithWorkers();
    ProgramProcess bystander = bystander();
    journal.rewrite(line -> withPid(line, worker.pid(), bystander.pid()));
    stage.startAgain();
    assertRecovered();
    assertNotAHolder(bystander);
  }

  /** The right pid, and another start: it was given away, and so is another process. */
  @Test
  void aStartAtAnotherTime() throws Exception {
    crashWithWorkers();
    String stat = Files.readString(Path.of("/proc/" + worker.pid() + "/stat"));
    String started = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[19];
    long earlier = Long.parseLong(started) - 100;
    assertThat(journal.names(":" + started)).as("the start of %s", worker).isTrue();
    journal.rewrite(line -> line.replace(":" + started, ":" + earlier));
    stage.startAgain();
    assertRecovered();
    assertNotAHolder(worker);
    assertThat(Client.pid(stage.port())).isEqualTo(worker.pid());
  }

  /** A supervised worker's pid that is now a bystander's: it is no worker, and gets no signal. */
  @Test
  void aWorkersPidThatWasGivenToAnother() throws Exception {
    stage.file().listener("web").service("web", stage.python("late.py", 0, "before"));
    BrokerProcess broker = stage.start();
    int old = stage.service("web").awaitRunning().pids().iterator().next();
    web = SocketIdentity.of(broker, "web");
    stage.crash();
    journal = JournalFile.in(stage.directory().resolve("state"));
    ProgramProcess bystander = bystander();
    ProgramProcess.signal(old, ProgramProcess.SIGKILL);
    Processes.awaitGone(old);
    journal.rewrite(line -> withPid(line, old, bystander.pid()));
    stage.startAgain();
    int next = stage.service("web").awaitRunning().pids().iterator().next();
    assertThat(next).isNotEqualTo(old).isNotEqualTo(bystander.pid());
    assertThat(SocketIdentity.of(stage.broker(), "web").inode()).isNotEqualTo(web.inode());
    assertNotAHolder(bystander);
    stage.broker().stopServices();
    assertThat(bystander.isAlive()).as("nobody's signal was for it").isTrue();
  }

  private static String withPid(String line, int from, int to) {
    return line.replaceAll("(\"pid\":\"?)" + from + "\\b", "$1" + to);
  }

  private void assertNotAHolder(ProgramProcess stranger) throws Exception {
    assertThat(stage.broker().leases()).noneMatch(lease -> lease.integer("pid") == stranger.pid());
    assertThat(stranger.isAlive()).isTrue();
    assertThat(stage.broker().process().written()).doesNotContain("\tat ", "internal error");
  }
}
