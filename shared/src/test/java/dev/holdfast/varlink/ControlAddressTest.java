package dev.holdfast.varlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.fd.Limits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ControlAddressTest {

  @TempDir Path root;

  private String find(int uid, Map<String, String> environment) throws IOException {
    return ControlAddress.find(environment, uid, root).toString();
  }

  @Test
  void theFirstPlaceThatAppliesWins() throws IOException {
    Map<String, String> runtime = Map.of("XDG_RUNTIME_DIR", "/run/user/7");
    assertThat(find(7, Map.of("HOLDFAST_SOCKET", "@h", "XDG_RUNTIME_DIR", "/x"))).isEqualTo("@h");
    assertThat(find(0, runtime)).isEqualTo(root + "/run/holdfast/holdfast.sock");
    assertThat(find(7, runtime)).isEqualTo("/run/user/7/holdfast/holdfast.sock");
    assertThat(find(7, Map.of("HOLDFAST_SOCKET", "", "XDG_RUNTIME_DIR", "")))
        .isEqualTo(root + "/tmp/holdfast-7/holdfast.sock");
    Files.createDirectories(root.resolve("run/user/7"));
    assertThat(find(7, Map.of())).isEqualTo(root + "/run/user/7/holdfast/holdfast.sock");
  }

  @Test
  void refusesADirectoryUnderTmpThatIsNotTheUsersOwn() throws IOException {
    int self = Limits.effectiveUid();
    int uid = self == 0 ? 7 : self; // root is sent elsewhere before it comes to this
    Path directory = Files.createDirectories(root.resolve("tmp/holdfast-" + uid));
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
    ControlAddress.requirePrivate(directory, self);
    assertThatThrownBy(() -> ControlAddress.requirePrivate(directory, self + 1))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("not a directory that only user " + (self + 1) + " may write");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx-w----"));
    assertThatThrownBy(() -> find(uid, Map.of())).isInstanceOf(IOException.class);
    Path link = Files.createSymbolicLink(root.resolve("link"), root);
    assertThatThrownBy(() -> ControlAddress.requirePrivate(link, self))
        .isInstanceOf(IOException.class);
  }
}
