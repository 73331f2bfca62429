package dev.holdfast.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.fd.Limits;
import dev.holdfast.fd.UnixAddress;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostChecksTest {

  private static final Check.State OK = Check.State.OK;
  private static final Check.State LIMITED = Check.State.LIMITED;
  private static final Check.State MISSING = Check.State.MISSING;

  @TempDir Path directory;

  @Test
  void doctorPrintsATableAndJsonOfTheSameChecks() throws Exception {
    Ran table = Ran.alone("doctor");
    JsonObject json = Json.parse(Ran.alone("doctor", "--json").out().strip());
    assertThat(table.code()).isEqualTo(ExitCode.OK);
    for (JsonObject check : json.objects("checks")) {
      assertThat(table.out()).contains(check.string("name"));
      assertThat(check.string("state")).isIn("ok", "limited", "missing");
      assertThat(check.string("meaning")).isNotEmpty();
    }
  }

  @Test
  void oldKernelsAreMissingOrLimited() {
    assertThat(KernelChecks.version("6.18.44-x").state()).isEqualTo(OK);
    assertThat(KernelChecks.version("6.1.0-13-amd64").state()).isEqualTo(LIMITED);
    assertThat(KernelChecks.version("5.10").state()).isEqualTo(LIMITED);
    assertThat(KernelChecks.version("4.19.0").state()).isEqualTo(MISSING);
    assertThat(KernelChecks.version("4.19.0").needed()).isTrue();
    assertThat(KernelChecks.pidfdOpen(false).needed()).isTrue();
  }

  @Test
  void takingDescriptorsDependsOnYamaAndTheCapability() {
    assertThat(RecoveryChecks.pidfdGetfd(true, 0, false, 0).state()).isEqualTo(OK);
    assertThat(RecoveryChecks.pidfdGetfd(true, 0, false, -1).state()).isEqualTo(OK);
    assertThat(RecoveryChecks.pidfdGetfd(true, 0, false, 1).found())
        .contains("EPERM for a process");
    assertThat(RecoveryChecks.pidfdGetfd(true, 1, false, 0).advice()).contains("ptrace_scope=0");
    assertThat(RecoveryChecks.pidfdGetfd(true, 1, true, 1).state()).isEqualTo(OK);
    assertThat(RecoveryChecks.pidfdGetfd(true, 3, true, 0).state()).isEqualTo(LIMITED);
    assertThat(RecoveryChecks.pidfdGetfd(false, 0, true, 0).state()).isEqualTo(LIMITED);
  }

  @Test
  void aBrokerThatIsProcessOneTakesItsWorkersAlong() {
    Optional<String> host = Optional.of("pid:[4026531836]");
    Optional<String> container = Optional.of("pid:[4026532700]");
    assertThat(RecoveryChecks.processes(host, true, false, 0).state()).isEqualTo(OK);
    assertThat(RecoveryChecks.processes(container, false, false, 0).state()).isEqualTo(OK);
    assertThat(RecoveryChecks.processes(container, true, false, 0).advice()).contains("--init");
    assertThat(RecoveryChecks.processes(host, false, true, 1000).advice()).contains("hidepid");
    assertThat(RecoveryChecks.processes(host, false, true, 0).state()).isEqualTo(OK);
  }

  @Test
  void theDescriptorStoreIsSeenInTheBrokersEnvironment() {
    Map<String, String> none = Map.of();
    Map<String, String> old = Map.of("NOTIFY_SOCKET", "/run/systemd/notify");
    Map<String, String> sized = Map.of("NOTIFY_SOCKET", "/run/systemd/notify", "FDSTORE", "512");
    assertThat(RecoveryChecks.store(false, null).meaning()).contains("no broker runs");
    assertThat(RecoveryChecks.store(true, null).advice()).contains("as root");
    assertThat(RecoveryChecks.store(true, none).advice()).contains("FileDescriptorStoreMax=");
    assertThat(RecoveryChecks.store(true, old).state()).isEqualTo(LIMITED);
    assertThat(RecoveryChecks.store(true, sized).found()).contains("512");
    assertThat(RecoveryChecks.store(true, sized).state()).isEqualTo(OK);
  }

  @Test
  void theStateDirectoryHasToBeThereAndWritable() {
    int uid = Limits.effectiveUid();
    assertThat(RecoveryChecks.stateDirectory(directory, uid).found()).startsWith("" + directory);
    assertThat(RecoveryChecks.stateDirectory(directory.resolve("no"), uid).state())
        .isEqualTo(MISSING);
    assertThat(RecoveryChecks.stateDirectory(Path.of("/proc/self"), uid + 1).state())
        .isEqualTo(LIMITED);
  }

  @Test
  void seeingReadinessDependsOnYamaAndTheCapability() {
    assertThat(ServiceChecks.readiness(0, false).state()).isEqualTo(OK);
    assertThat(ServiceChecks.readiness(2, true).state()).isEqualTo(OK);
    assertThat(ServiceChecks.readiness(1, false).meaning()).contains("services are seen");
    assertThat(ServiceChecks.readiness(2, false).meaning()).contains("every worker");
    assertThat(ServiceChecks.readiness(3, true).advice()).contains("ready = \"notify\"");
    assertThat(ServiceChecks.accounts(false).advice()).contains("util-linux");
  }

  @Test
  void limitsAreReadFromTheKernelsTable() {
    String low = "Max open files            1024                 1024                 files     ";
    String high = "Max open files            1024                 524288               files     ";
    String none = "Max open files            unlimited            unlimited            files     ";
    assertThat(LimitChecks.openFiles(List.of("Max cpu time", low)).state()).isEqualTo(LIMITED);
    assertThat(LimitChecks.openFiles(List.of(high)).found()).isEqualTo("1024 soft, 524288 hard");
    assertThat(LimitChecks.openFiles(List.of(none)).state()).isEqualTo(OK);
    assertThat(LimitChecks.openFiles(List.of()).state()).isEqualTo(LIMITED);
  }

  @Test
  void settingsOfTheNetworkAreJudged() {
    assertThat(LimitChecks.somaxconn(128).advice()).contains("net.core.somaxconn");
    assertThat(LimitChecks.abortOnOverflow(1).state()).isEqualTo(LIMITED);
    assertThat(LimitChecks.lowPorts(1024, false).state()).isEqualTo(LIMITED);
    assertThat(LimitChecks.lowPorts(1024, true).state()).isEqualTo(OK);
    assertThat(LimitChecks.lowPorts(0, false).state()).isEqualTo(OK);
    assertThat(LimitChecks.ipv6(false, 0, 0).state()).isEqualTo(LIMITED);
    assertThat(LimitChecks.ipv6(true, 1, 0).found()).isEqualTo("disabled");
    assertThat(LimitChecks.time(Instant.EPOCH).state()).isEqualTo(LIMITED);
  }

  @Test
  void theMountOfTheLongestPathDecidesAboutNatives() {
    List<String> mounts =
        List.of(
            "/dev/vda / ext4 rw,noexec 0 0", "tmp /tmp tmpfs rw,nosuid 0 0", "x /tm y noexec 0 0");
    assertThat(JavaChecks.natives("/tmp/a", null, mounts).state()).isEqualTo(OK);
    assertThat(JavaChecks.natives("/var/tmp", null, mounts).state()).isEqualTo(LIMITED);
    assertThat(JavaChecks.natives("/var/tmp", "/opt/natives", mounts).state()).isEqualTo(OK);
  }

  @Test
  void theAgentIsThereOrSaysHowItComes() throws Exception {
    Path jar = directory.resolve("holdfast-agent.jar");
    assertThat(AgentChecks.jar("").advice()).contains("bin/holdfast");
    assertThat(AgentChecks.jar("" + jar).state()).isEqualTo(MISSING);
    assertThat(AgentChecks.jar("" + jar).needed()).isFalse();
    assertThat(AgentChecks.jar("" + jar).advice()).contains("--install").contains("mvn");
    Files.createFile(jar);
    assertThat(AgentChecks.jar("" + jar).state()).isEqualTo(OK);
  }

  @Test
  void theJavaThatWouldLoadTheAgentIsJudgedByItsReleaseFile() {
    Path java = Path.of("/jdk/bin/java");
    String modules = "MODULES=\"java.base java.instrument java.logging\"";
    assertThat(
            AgentChecks.loads("Java", java, List.of("JAVA_VERSION=\"17.0.15\"", modules)).state())
        .isEqualTo(OK);
    assertThat(AgentChecks.loads("Java", java, List.of("JAVA_VERSION=\"25\"")).state())
        .isEqualTo(OK);
    assertThat(AgentChecks.loads("Java", java, List.of("JAVA_VERSION=\"1.8.0_402\"")).meaning())
        .contains("too old");
    assertThat(
            AgentChecks.loads("Java", java, List.of("JAVA_VERSION=\"21\"", "MODULES=\"java.base\""))
                .advice())
        .contains("jlink");
    assertThat(AgentChecks.loads("Java", java, List.of()).state()).isEqualTo(LIMITED);
  }

  @Test
  void bothJavasThatAProgramMayTakeAreLookedAt() throws Exception {
    Path bin = Files.createDirectories(directory.resolve("jdk/bin"));
    Files.writeString(directory.resolve("jdk/release"), "JAVA_VERSION=\"11.0.2\"\n");
    Path java = Files.createFile(bin.resolve("java"));
    assertThat(java.toFile().setExecutable(true)).isTrue();
    Path links = Files.createDirectory(directory.resolve("links"));
    Files.createSymbolicLink(links.resolve("java"), java);
    assertThat(AgentChecks.javas(Map.of("PATH", "/no/such:" + links, "JAVA_HOME", "/no/such")))
        .extracting(Check::found)
        .containsExactly("no /no/such/bin/java", links.resolve("java") + ", 11.0.2");
    assertThat(AgentChecks.javas(Map.of("PATH", "/no/such")))
        .extracting(Check::found)
        .containsExactly("none");
  }

  @Test
  void theAgentNeedsAPlaceForItsNativeLibraries() throws Exception {
    String jar = directory.resolve("holdfast-agent.jar").toString();
    List<String> mounts = List.of("/dev/vda / ext4 rw 0 0", "tmp /tmp tmpfs rw,noexec 0 0");
    assertThat(AgentChecks.natives(jar, "/var/tmp", mounts).state()).isEqualTo(OK);
    assertThat(AgentChecks.natives("", "/tmp", mounts).state()).isEqualTo(LIMITED);
    assertThat(AgentChecks.natives(jar, "/tmp", mounts).found()).isEqualTo("/tmp, noexec at /tmp");
    assertThat(AgentChecks.natives(jar, "/tmp", mounts).advice()).contains("native=DIR");
    Files.createDirectory(directory.resolve("native"));
    assertThat(AgentChecks.natives(jar, "/tmp", mounts).state()).isEqualTo(OK);
  }

  @Test
  void aDirectoryThatAnyoneMayWriteIsPointedOut() throws Exception {
    UnixAddress socket = new UnixAddress.Path(directory.resolve("holdfast.sock"));
    assertThat(BrokerChecks.directory(socket).state()).isEqualTo(OK);
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThat(BrokerChecks.directory(socket).advice()).contains("chmod o-w");
    UnixAddress absent = new UnixAddress.Path(directory.resolve("absent/holdfast.sock"));
    assertThat(BrokerChecks.directory(absent).state()).isEqualTo(MISSING);
    assertThat(BrokerChecks.directory(UnixAddress.parse("@x")).state()).isEqualTo(LIMITED);
  }
}
