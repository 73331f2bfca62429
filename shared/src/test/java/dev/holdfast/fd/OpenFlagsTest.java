package dev.holdfast.fd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OpenFlagsTest {

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "amd64, 0200000, 0400000",
    "aarch64, 040000, 0100000",
    "riscv64, 0200000, 0400000",
    "loongarch64, 0200000, 0400000",
    "ppc64le, 040000, 0100000"
  })
  void knowsTheFlagsOfEachArchitecture(String arch, String directory, String noFollow) {
    assertThat(OpenFlags.of(arch))
        .isEqualTo(new OpenFlags(Integer.decode(directory), Integer.decode(noFollow)));
  }

  @Test
  void theKernelUnderstandsTheFlagsOfThisOne() throws Exception {
    Path file = Files.createFile(directory.resolve("file"));
    Path link = Files.createSymbolicLink(directory.resolve("link"), file);
    assertThatThrownBy(() -> PrivateFile.open(link)).hasMessageContaining("ELOOP");
    int number = Libc.open(file.toString(), Libc.O_CLOEXEC | SpawnLibc.O_DIRECTORY, 0);
    assertThat(number).isEqualTo(-1);
    assertThat(Libc.errno()).isEqualTo(20); // ENOTDIR
  }
}
