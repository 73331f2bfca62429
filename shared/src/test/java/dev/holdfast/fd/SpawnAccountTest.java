package dev.holdfast.fd;

import static dev.holdfast.fd.Processes.cat;
import static dev.holdfast.fd.Processes.haveChildren;
import static dev.holdfast.fd.Processes.result;
import static dev.holdfast.fd.Processes.shell;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
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

/** Children that will become somebody else, which only root can make. */
@Timeout(60)
class SpawnAccountTest {

  private static final int UID = 64123;
  private static final int GID = 64124;

  /** CAP_NET_RAW. */
  private static final int NET_RAW = 1 << 13;

  @TempDir Path directory;

  private OpenDescriptors open = OpenDescriptors.now();
  private Set<String> ours = Set.of();

  @BeforeEach
  void isRoot() throws IOException {
    assumeTrue(Libc.geteuid() == 0, "only root can start a process as somebody else");
    Spawn spawn = shell("").checkAs(UID, GID, List.of()).inheritNoCapabilities();
    assertThat(result(spawn).code()).isZero();
    assertThat(Files.readString(Path.of("/proc/self/stat"))).isNotEmpty();
    open = OpenDescriptors.now();
    ours = Processes.credentials();
  }

  @AfterEach
  void weAreWhoWeWere() throws IOException {
    if (Libc.geteuid() == 0) {
      assertThat(Processes.credentials()).isEqualTo(ours);
      assertThat(ChildLibc.prctl(ChildLibc.PR_GET_DUMPABLE, 0, 0, 0, 0)).isEqualTo(1);
      open.assertUnchanged();
      assertThat(haveChildren()).isFalse();
    }
  }

  @Test
  void givesTheChildOurIdsWhoeverIsAskedFor() throws IOException {
    Spawn spawn = cat().directory("/").checkAs(UID, GID, List.of(GID, 64200)).nice(-3);
    try (Waiting waiting = Waiting.start(spawn)) {
      for (String field : List.of("Uid", "Gid", "Groups", "CapPrm", "CapEff", "NoNewPrivs")) {
        assertThat(waiting.status(field))
            .as(field)
            .isEqualTo(Processes.statusOf("thread-self", field));
      }
      assertThat(waiting.status("Uid")).isEqualTo("0 0 0 0");
      assertThat(waiting.stat(19)).isEqualTo("-3");
    }
  }

  @Test
  void keepsInheritableCapabilitiesFromAChildThatMustHaveNone() throws IOException {
    try (Memory header = new Memory(8);
        Memory sets = new Memory(24)) {
      header.setLong(0, 0);
      header.setInt(0, 0x20080522);
      long at = Pointer.nativeValue(header);
      long these = Pointer.nativeValue(sets);
      assertThat(Libc.syscall(SystemCalls.CAPGET, at, these, 0, 0)).isZero();
      assumeTrue((sets.getInt(4) & NET_RAW) != 0, "we have no such capability");
      int before = sets.getInt(8);
      sets.setInt(8, NET_RAW);
      assertThat(Libc.syscall(SystemCalls.CAPSET, at, these, 0, 0)).isZero();
      try {
        try (Waiting waiting = Waiting.start(cat())) {
          assertThat(waiting.status("CapInh")).isEqualTo("0000000000002000");
        }
        try (Waiting waiting = Waiting.start(cat().inheritNoCapabilities().noNewPrivileges())) {
          assertThat(waiting.status("CapInh")).isEqualTo("0000000000000000");
          assertThat(waiting.status("NoNewPrivs")).isEqualTo("1");
        }
      } finally {
        sets.setInt(8, before);
        assertThat(Libc.syscall(SystemCalls.CAPSET, at, these, 0, 0)).isZero();
      }
    }
  }

  @Test
  void checksTheDirectoryAndTheProgramWithTheRightsOfTheAccount() throws IOException {
    Path secret = Files.createDirectory(directory.resolve("secret"));
    Path program = Files.writeString(secret.resolve("program"), "#!/bin/sh\n");
    permit(program, "rwxr-xr-x");
    permit(directory, "rwxr-xr-x");
    permit(secret, "rwx------");
    assertThat(result(shell("").requireExecutable(program.toString(), "")).code()).isZero();
    assertThatThrownBy(() -> asAccount().requireExecutable(program.toString(), "").start())
        .hasMessage("exec " + program + " as uid 64123: EACCES (Permission denied)");
    assertThatThrownBy(() -> asAccount().directory(secret.toString()).start())
        .hasMessage("chdir " + secret + " as uid 64123: EACCES (Permission denied)");

    Limits.changeOwner(secret.toString(), UID, -1);
    Spawn allowed = asAccount().directory(secret.toString());
    assertThat(result(allowed.requireExecutable("./program", "")).code()).isZero();

    permit(program, "rwx------");
    assertThatThrownBy(
            () ->
                asAccount()
                    .directory(secret.toString())
                    .requireExecutable("program", "/nowhere:")
                    .start())
        .hasMessage("exec program (PATH is /nowhere:) as uid 64123: EACCES (Permission denied)");
  }

  @Test
  void looksWithTheGroupsOfTheAccountToo() throws IOException {
    Path program = Files.writeString(directory.resolve("program"), "#!/bin/sh\n");
    permit(directory, "rwxr-xr-x");
    permit(program, "rwxr-x---");
    Limits.changeOwner(program.toString(), -1, 64200);
    String path = program.toString();
    Spawn member = shell("").checkAs(UID, GID, List.of(GID, 64200));
    assertThat(result(member.requireExecutable(path, "")).code()).isZero();
    assertThatThrownBy(() -> asAccount().requireExecutable(path, "").start())
        .hasMessageContaining("EACCES");
    Limits.changeOwner(program.toString(), -1, GID);
    assertThat(result(asAccount().requireExecutable(path, "")).code()).isZero();
  }

  @Test
  void looksAsDifferentAccountsAtOnce() throws Exception {
    Path program = Files.writeString(directory.resolve("program"), "#!/bin/sh\n");
    permit(directory, "rwxr-xr-x");
    permit(program, "rwx------");
    Limits.changeOwner(program.toString(), UID, -1);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Callable<Boolean>> tasks = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        int uid = UID + i % 3;
        tasks.add(() -> starts(uid, program));
      }
      int i = 0;
      for (Future<Boolean> done : threads.invokeAll(tasks)) {
        assertThat(done.get()).isEqualTo(i++ % 3 == 0);
      }
    } finally {
      threads.shutdown();
    }
  }

  private static boolean starts(int uid, Path program) throws IOException {
    Spawn spawn = shell("").checkAs(uid, GID, List.of(GID));
    try {
      return result(spawn.requireExecutable(program.toString(), "")).code() == 0;
    } catch (ErrnoException e) {
      assertThat(e.errno()).isEqualTo(Errno.EACCES);
      return false;
    }
  }

  private static Spawn asAccount() {
    return shell("").checkAs(UID, GID, List.of());
  }

  private static void permit(Path path, String mode) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
  }
}
