package dev.holdfast.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProgramSearchTest {

  @TempDir Path directory;
  private Path first;
  private Path second;

  ProgramSearchTest() {
    first = Path.of("");
    second = first;
  }

  @BeforeEach
  void twoDirectories() throws IOException {
    first = Files.createDirectory(directory.resolve("first"));
    second = Files.createDirectory(directory.resolve("second"));
  }

  private static Path file(Path path, String permissions) throws IOException {
    Files.writeString(path, "#!/bin/sh\n");
    return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
  }

  private String path() {
    return first + ":" + directory + "/absent:" + second;
  }

  @Test
  void takesTheFirstThatCanBeExecuted() throws Exception {
    file(first.resolve("tool"), "rw-r--r--");
    file(second.resolve("tool"), "rwxr-xr-x");
    assertThat(ProgramSearch.find("tool", path())).isEqualTo(second + "/tool");
    file(first.resolve("tool"), "rwxr-xr-x");
    assertThat(ProgramSearch.find("tool", path())).isEqualTo(first + "/tool");
  }

  @Test
  void passesOverADirectoryOfThatName() throws Exception {
    Files.createDirectory(first.resolve("tool"));
    file(second.resolve("tool"), "rwxr-xr-x");
    assertThat(ProgramSearch.find("tool", path())).isEqualTo(second + "/tool");
  }

  @Test
  void aNameWithASlashIsNotLookedFor() throws Exception {
    Path tool = file(first.resolve("tool"), "rwxr-xr-x");
    assertThat(ProgramSearch.find(tool.toString(), null)).isEqualTo(tool.toString());
    assertExit(ExitCode.NOT_FOUND, "./no/such", path());
    assertExit(ExitCode.NOT_EXECUTABLE, first.toString(), path());
    assertExit(ExitCode.NOT_FOUND, tool + "/x", path());
  }

  @Test
  void whatIsThereAndForbiddenIs126AndWhatIsNotThereIs127() throws Exception {
    file(first.resolve("tool"), "rw-r--r--");
    assertExit(ExitCode.NOT_EXECUTABLE, "tool", path());
    assertExit(ExitCode.NOT_FOUND, "other", path());
    assertExit(ExitCode.NOT_FOUND, "", path());
  }

  @Test
  void withoutPathItLooksWhereTheSystemDoes() throws Exception {
    assertThat(ProgramSearch.find("sh", null)).isEqualTo("/bin/sh");
  }

  @Test
  void anEmptyDirectoryIsTheCurrentOne() {
    // The tests run in the module's directory; pom.xml is there, and cannot be executed.
    assertExit(ExitCode.NOT_EXECUTABLE, "pom.xml", "");
    assertExit(ExitCode.NOT_EXECUTABLE, "pom.xml", first + ":");
    assertExit(ExitCode.NOT_FOUND, "pom.xml", first.toString());
  }

  @Test
  void namesNeedNotBeText() throws Exception {
    String odd = new String(new char[] {'t', 0xff, 0xe9});
    assertExit(ExitCode.NOT_FOUND, odd, path());
  }

  private static void assertExit(ExitCode expected, String program, String path) {
    assertThatThrownBy(() -> ProgramSearch.find(program, path))
        .isInstanceOfSatisfying(
            Failure.class, failure -> assertThat(failure.exitCode()).isEqualTo(expected));
  }
}
