package dev.holdfast.broker.workers;

import dev.holdfast.broker.core.Account;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The program that turns a process of root's into one of an account's before it executes another:
 * setpriv(1) of util-linux, or chroot(1) of coreutils, which changes the root directory to what it
 * is.
 *
 * <p>A program of its own, since the broker's threads must never have the account's uid, not for a
 * moment: whoever may send a signal to one of them may end the broker (kill(2)).
 */
record AccountChange(Way way, Path program) {

  enum Way {
    /** The one of BusyBox cannot change ids, and cannot clear groups either. */
    SETPRIV("setpriv", "clear-groups"),
    /** The one of BusyBox, and those before coreutils 8.23, would leave the directory. */
    CHROOT("chroot", "skip-chdir");

    private final String file;
    private final String option;

    Way(String file, String option) {
      this.file = file;
      this.option = option;
    }
  }

  /** Where only root can put a program. Never a PATH, which could be the service's. */
  private static final List<Path> DIRECTORIES =
      List.of(Path.of("/usr/bin"), Path.of("/bin"), Path.of("/usr/sbin"), Path.of("/sbin"));

  // Written and read by the threads that start workers; whichever wins, it is the same.
  private static volatile @Nullable AccountChange known;

  /**
   * The one of this host; looked for once.
   *
   * @throws IOException that says what to install
   */
  static AccountChange ofThisHost() throws IOException {
    AccountChange result = known;
    if (result == null || !Files.isExecutable(result.program)) {
      result = in(DIRECTORIES);
      known = result;
    }
    return result;
  }

  static AccountChange in(List<Path> directories) throws IOException {
    for (Way way : Way.values()) {
      for (Path directory : directories) {
        Path program = directory.resolve(way.file);
        if (Files.isExecutable(program) && knows(program, way.option)) {
          return new AccountChange(way, program);
        }
      }
    }
    throw new IOException(
        "to start it as another user needs setpriv of util-linux, or chroot of coreutils, in "
            + directories.stream().map(Path::toString).collect(Collectors.joining(", "))
            + ": install util-linux");
  }

  /** Whether the program has the name of the option in it: nothing need be run to know that. */
  private static boolean knows(Path program, String option) throws IOException {
    return new String(Files.readAllBytes(program), StandardCharsets.ISO_8859_1).contains(option);
  }

  /** What is put in front of a command. By numbers, which no database of users need know. */
  List<String> to(Account account) {
    String uid = Integer.toUnsignedString(account.uid());
    String gid = Integer.toUnsignedString(account.gid());
    List<String> groups =
        new ArrayList<>(account.groups().stream().map(Integer::toUnsignedString).toList());
    return switch (way) {
      case SETPRIV ->
          List.of(
              program.toString(),
              "--reuid=" + uid,
              "--regid=" + gid,
              groups.isEmpty() ? "--clear-groups" : "--groups=" + String.join(",", groups),
              "--");
      case CHROOT -> {
        groups.replaceAll(group -> "+" + group); // a number, and no group of that name
        yield List.of(
            program.toString(),
            "--skip-chdir",
            "--userspec=+" + uid + ":+" + gid,
            "--groups=" + String.join(",", groups),
            "/");
      }
    };
  }
}
