package dev.holdfast.fd;

import static dev.holdfast.fd.Processes.bytes;
import static dev.holdfast.fd.Processes.cat;
import static dev.holdfast.fd.Processes.haveChildren;
import static dev.holdfast.fd.Processes.list;
import static dev.holdfast.fd.Processes.output;
import static dev.holdfast.fd.Processes.result;
import static dev.holdfast.fd.Processes.shell;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.fd.Processes.Waiting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class SpawnTest {

  @TempDir Path directory;

  private OpenDescriptors open = OpenDescriptors.now();

  @BeforeEach
  void countDescriptors() throws IOException {
    assertThat(result(shell("exit 0")).code()).isZero(); // what is loaded once is loaded now
    assertThat(Files.readString(Path.of("/proc/self/stat"))).isNotEmpty();
    open = OpenDescriptors.now();
  }

  @AfterEach
  void nothingIsLeft() {
    open.assertUnchanged();
    assertThat(haveChildren()).isFalse();
  }

  @Test
  void givesTheChildItsStandardStreamsAndWhatWasPlacedAndNothingElse() throws IOException {
    try (OwnedFd zero = OwnedFd.openForReading("/dev/zero");
        OwnedFd full = OwnedFd.openForReading("/dev/full");
        Waiting waiting = Waiting.start(cat().place(zero, 3).place(full, 4))) {
      assertThat(waiting.descriptors()).containsOnlyKeys(0, 1, 2, 3, 4);
      assertThat(waiting.descriptors().get(0)).startsWith("pipe:");
      assertThat(waiting.descriptors().get(1)).startsWith("pipe:");
      assertThat(waiting.descriptors().values())
          .containsSubsequence("/dev/null", "/dev/zero", "/dev/full");
    }
  }

  @Test
  void placesDescriptorsWhoseNumbersAreEachOthersTargets() throws IOException {
    try (OwnedFd zero = OwnedFd.openForReading("/dev/zero");
        OwnedFd full = OwnedFd.openForReading("/dev/full");
        OwnedFd random = OwnedFd.openForReading("/dev/urandom")) {
      Spawn spawn =
          cat()
              .place(zero, full.number())
              .place(full, zero.number())
              .place(random, random.number());
      try (Waiting waiting = Waiting.start(spawn)) {
        assertThat(waiting.descriptors())
            .hasSize(6)
            .containsEntry(full.number(), "/dev/zero")
            .containsEntry(zero.number(), "/dev/full")
            .containsEntry(random.number(), "/dev/urandom");
      }
    }
  }

  @Test
  void makesTheChildLeadAGroupAndBlockAndIgnoreNothing() throws IOException {
    try (Waiting waiting = Waiting.start(cat())) {
      assertThat(waiting.stat(5)).isEqualTo("" + waiting.child().pid());
      assertThat(waiting.status("SigBlk")).containsOnlyOnce("0000000000000000");
      assertThat(waiting.status("SigIgn")).containsOnlyOnce("0000000000000000");
    }
  }

  @Test
  void resetsASignalThatWeIgnore() throws IOException {
    int hangUp = Signals.number("HUP");
    com.sun.jna.Pointer before = Libc.signal(hangUp, com.sun.jna.Pointer.createConstant(1));
    try (Waiting waiting = Waiting.start(cat())) {
      assertThat(waiting.status("SigIgn")).containsOnlyOnce("0000000000000000");
    } finally {
      Libc.signal(hangUp, before);
    }
  }

  @Test
  void passesArgumentsAndEnvironmentByteForByteAndAddsNothing() throws IOException {
    byte[] odd = {'X', '=', (byte) 0xff, '\n'};
    Spawn environment = new Spawn(bytes("/usr/bin/env"), list("env", "-0"), List.of(odd));
    Path file = directory.resolve("out");
    try (OwnedFd out = Pipe.appendTo(file, 0600)) {
      assertThat(result(environment.place(out, 1)).code()).isZero();
    }
    assertThat(Files.readAllBytes(file))
        .containsExactly(new byte[] {'X', '=', (byte) 0xff, '\n', 0});
    assertThat(output(new Spawn(bytes("/bin/echo"), list("echo", "a b", ""), list())))
        .isEqualTo("a b \n");
  }

  @Test
  void startsInTheDirectoryWithTheNiceValueAndLeavesOurs() throws IOException {
    Set<String> credentials = Processes.credentials();
    Path here = Path.of("").toAbsolutePath();
    Spawn spawn = cat().directory(directory.toString()).nice(7).noNewPrivileges();
    try (Waiting waiting = Waiting.start(spawn)) {
      assertThat(Files.readSymbolicLink(Path.of("/proc/" + waiting.child().pid() + "/cwd")))
          .isEqualTo(directory.toRealPath());
      assertThat(waiting.stat(19)).isEqualTo("7");
      assertThat(waiting.status("NoNewPrivs")).isEqualTo("1");
      assertThat(waiting.descriptors()).containsOnlyKeys(0, 1, 2);
    }
    assertThat(Files.readSymbolicLink(Path.of("/proc/self/cwd"))).isEqualTo(here);
    assertThat(Processes.credentials()).isEqualTo(credentials);
  }

  @Test
  void saysWhatCannotBeExecuted() throws IOException {
    Path plain = Files.writeString(directory.resolve("plain"), "");
    assertThatThrownBy(() -> new Spawn(bytes("/nowhere"), list("x"), list()).start())
        .hasMessage("posix_spawn /nowhere: ENOENT (No such file or directory)");
    assertThatThrownBy(() -> new Spawn(bytes(plain.toString()), list("x"), list()).start())
        .hasMessage("posix_spawn " + plain + ": EACCES (Permission denied)");
    assertThatThrownBy(() -> cat().directory("/nowhere").start())
        .hasMessage("chdir /nowhere: ENOENT (No such file or directory)");
    assertThatThrownBy(() -> cat().directory(plain.toString()).start())
        .hasMessage("chdir " + plain + ": ENOTDIR (Not a directory)");
  }

  @Test
  void looksForTheProgramThatAShellWillRunBeforeItStartsTheShell() throws IOException {
    Path plain = Files.writeString(directory.resolve("plain"), "");
    Path program = Files.writeString(directory.resolve("program"), "");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    String path = "/nowhere:" + plain + ":" + directory;
    assertThat(result(shell("exit 3").requireExecutable("program", path)).code()).isEqualTo(3);
    assertThat(result(shell("").requireExecutable(program.toString(), "")).code()).isZero();
    Spawn relative = shell("").directory(directory.toString()).requireExecutable("./program", "");
    assertThat(result(relative).code()).isZero();
    Spawn empty = shell("").directory(directory.toString()).requireExecutable("program", "/x:");
    assertThat(result(empty).code()).isZero();

    assertThatThrownBy(() -> shell("").requireExecutable("no", "/bin:/usr").start())
        .hasMessage("exec no (PATH is /bin:/usr): ENOENT (No such file or directory)");
    assertThatThrownBy(() -> shell("").requireExecutable("plain", path).start())
        .hasMessage("exec plain (PATH is " + path + "): EACCES (Permission denied)");
    assertThatThrownBy(() -> shell("").requireExecutable("./program", "").start())
        .hasMessage("exec ./program: ENOENT (No such file or directory)");
    assertThatThrownBy(() -> shell("").requireExecutable(directory.toString(), "").start())
        .hasMessage("exec " + directory + ": EACCES (Permission denied)");
    assertThatThrownBy(() -> shell("").requireExecutable(plain + "/x", "").start())
        .hasMessage("exec " + plain + "/x: ENOTDIR (Not a directory)");
    assertThatThrownBy(() -> shell("").requireExecutable("", path).start())
        .hasMessage("exec \"\": ENOENT (No such file or directory)");
  }

  @Test
  void refusesWhatTheKernelWouldMisread() {
    assertThatThrownBy(() -> new Spawn(bytes("a\0b"), list("x"), list()).start())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("NUL");
    assertThatThrownBy(() -> new Spawn(bytes("/bin/cat"), list("a\0"), list()).start())
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> cat().checkAs(-1, 0, List.of()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> cat().checkAs(0, -1, List.of()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> cat().nice(20)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void leavesNoDescriptorBehindAfterManyStartsAndFailures() throws IOException {
    try (OwnedFd zero = OwnedFd.openForReading("/dev/zero")) {
      for (int i = 0; i < 200; i++) {
        Spawn spawn = new Spawn(bytes("/bin/true"), list("true"), list()).directory("/");
        assertThat(result(spawn.place(zero, 3)).code()).isZero();
        assertThatThrownBy(() -> new Spawn(bytes("/no"), list("x"), list()).place(zero, 3).start())
            .isInstanceOf(ErrnoException.class);
      }
    }
    open.assertUnchanged();
  }

  @Test
  void startsOnManyThreadsAtOnce() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Callable<Integer>> tasks = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        int code = i;
        tasks.add(() -> result(shell("exit " + code)).code());
      }
      int code = 0;
      for (Future<Integer> done : threads.invokeAll(tasks)) {
        assertThat(done.get()).isEqualTo(code++);
      }
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void limitsTheChildBeforeItIsOurs() throws IOException {
    Spawn spawn = cat().limit(Libc.RLIMIT_NOFILE, 100, 200).limit(4, 0, -1);
    try (Waiting waiting = Waiting.start(spawn)) {
      assertThat(waiting.limit("Max open files")).isEqualTo("100 200");
      assertThat(waiting.limit("Max core file size")).isEqualTo("0 unlimited");
    }
    assertThat(failure(shell("").limit(Libc.RLIMIT_NOFILE, 2, 1)).getMessage())
        .startsWith("prlimit RLIMIT_NOFILE=2:1 of pid ")
        .endsWith(": EINVAL (Invalid argument)");
  }

  @Test
  void keepsAnInterruptForLater() throws IOException {
    Thread.currentThread().interrupt();
    try (Child child = shell("exit 5").start()) {
      assertThat(Thread.interrupted()).isTrue();
      Processes.awaitEnd(child);
      child.reap();
    }
  }

  @Test
  void saysThatTheDescriptorTableIsFullAndLeavesNoChild() throws IOException {
    Limits.OpenFiles limits = Limits.openFiles();
    try (OwnedFd zero = OwnedFd.openForReading("/dev/zero")) {
      int free = lowestFree(zero);
      ErrnoException placing;
      ErrnoException holding;
      Limits.setOpenFiles(free);
      try {
        placing = failure(shell("").place(zero, 0));
        holding = failure(shell("")); // starts, and there is no descriptor for its pidfd
      } finally {
        Limits.setOpenFiles(limits.soft());
      }
      assertThat(placing)
          .hasMessage("dup descriptor 0 of a new /bin/sh: EMFILE (Too many open files)");
      assertThat(holding.getMessage())
          .startsWith("pidfd_open pid ")
          .endsWith(", a new /bin/sh: EMFILE (Too many open files)");
    }
  }

  private static int lowestFree(OwnedFd any) throws IOException {
    try (OwnedFd next = any.dup()) {
      return next.number();
    }
  }

  static ErrnoException failure(Spawn spawn) {
    try (Child child = spawn.start()) {
      throw new AssertionError("started pid " + child.pid());
    } catch (ErrnoException e) {
      return e;
    }
  }
}
