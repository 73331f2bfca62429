package dev.holdfast.fd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class AccountsTest {

  private static final String NOBODY = "no-such-name-here";

  @Test
  void findsRootByNameAndNumber() {
    Accounts.User root = Accounts.user("root").orElseThrow();

    assertThat(root.name()).isEqualTo("root");
    assertThat(root.uid()).isZero();
    assertThat(root.gid()).isZero();
    assertThat(root.home()).startsWith("/");
    assertThat(root.shell()).startsWith("/");
    assertThat(Accounts.user(0)).contains(root);
    assertThat(Accounts.uid("root")).hasValue(0);
    assertThat(Accounts.gid("root")).hasValue(0);
  }

  @Test
  void findsEveryUserOfTheFileAsItStandsThere() throws IOException {
    for (String line : Files.readAllLines(Path.of("/etc/passwd"))) {
      String[] fields = line.split(":", -1);
      if (fields.length == 7 && fields[2].matches("[0-9]+")) { // not a line of NIS
        assertThat(Accounts.user(fields[0]))
            .as(line)
            .contains(
                new Accounts.User(
                    fields[0],
                    Integer.parseUnsignedInt(fields[2]),
                    Integer.parseUnsignedInt(fields[3]),
                    fields[5],
                    fields[6]));
      }
    }
  }

  @Test
  void findsNobodyByAnUnknownNameOrNumber() {
    assertThat(Accounts.user(NOBODY)).isEmpty();
    assertThat(Accounts.user(-2_000_000)).isEmpty();
    assertThat(Accounts.uid(NOBODY)).isEmpty();
    assertThat(Accounts.gid(NOBODY)).isEmpty();
  }

  @Test
  void groupsStartWithThePrimaryOneAndHaveThoseOfTheFile() throws IOException {
    assertThat(Accounts.groups(NOBODY, 4711)).containsExactly(4711);
    for (String line : Files.readAllLines(Path.of("/etc/group"))) {
      String[] fields = line.split(":", -1);
      List<String> members = fields.length == 4 ? Arrays.asList(fields[3].split(",")) : List.of();
      for (String member : members) {
        if (Accounts.user(member).isPresent()) {
          assertThat(Accounts.groups(member, 4711))
              .as(line)
              .startsWith(4711)
              .contains(Integer.parseUnsignedInt(fields[2]));
        }
      }
    }
  }

  @Test
  void knowsTheGroupOfThisProcess() throws IOException {
    assertThat(Files.getAttribute(Path.of("/proc/self"), "unix:gid"))
        .isEqualTo(Accounts.effectiveGid());
  }
}
