package dev.holdfast.broker.blackbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.BrokerProcess;
import dev.holdfast.broker.testing.BrokerProcess.Events;
import dev.holdfast.broker.testing.Brokers;
import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.ProgramProcess;
import dev.holdfast.broker.testing.Workers;
import dev.holdfast.varlink.JsonObject;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What {@code holdfast exec} makes of itself. */
@Timeout(60)
class ExecIT {
  @RegisterExtension final Brokers brokers = new Brokers();

  @Test
  void theProgramFindsItsListenersAndNothingElse() throws Exception {
    BrokerProcess broker = brokers.start("web", "tls");

    ProgramProcess program =
        exec(broker, "web", "tls", "--", show(broker), "0", "{fd:web}", "x{fd:tls}y");

    List<String> pids = found(program, "pid ");
    assertThat(pids).containsExactly(Integer.toString(program.pid()));
    assertThat(found(program, "fd "))
        .containsExactlyInAnyOrder("0", "1", "2", "3 listening", "4 listening");
    assertThat(found(program, "environment "))
        .contains("LISTEN_FDS=2", "LISTEN_PID=" + program.pid(), "LISTEN_FDNAMES=web:tls")
        .anyMatch(each -> each.matches("HOLDFAST_LEASE=.+"));
    assertThat(found(program, "argument ")).containsExactly(hex("3"), hex("x4y"));
    assertThat(found(program, "blocked ")).isEmpty();
    assertThat(found(program, "ignored ")).isEmpty();
  }

  @Test
  void passesTheOneListenerAsDescriptorZero() throws Exception {
    BrokerProcess broker = brokers.start("web");
    ProgramProcess program = exec(broker, "--fd0", "web", "--", show(broker), "0");
    assertThat(found(program, "fd ")).containsExactlyInAnyOrder("0 listening", "1", "2");
    assertThat(found(program, "environment ")).noneMatch(each -> each.startsWith("LISTEN_"));
  }

  @Test
  void saysTheNumbersAsNginxWantsThem() throws Exception {
    BrokerProcess broker = brokers.start("web", "tls");
    ProgramProcess program = exec(broker, "--env", "NGINX", "web", "tls", "--", show(broker), "0");
    assertThat(found(program, "environment ")).contains("NGINX=3;4;");
  }

  @Test
  void theProgramsExitCodeIsTheCommands() throws Exception {
    BrokerProcess broker = brokers.start("web");
    assertThat(exec(broker, "web", "--", show(broker), "42").awaitEnd()).isEqualTo(42);
  }

  @Test
  void theLeaseFollowsTheProcess() throws Exception {
    BrokerProcess broker = brokers.start("web");
    try (Events events = broker.watch()) {
      ProgramProcess program =
          brokers
              .workers(broker, "web")
              .exec("cat", Checkout.installed("sleep", "coreutils"), "60");
      String granted = events.await("leaseGranted").string("lease");
      JsonObject lease = broker.leases().get(0);
      assertThat(lease.integer("pid")).isEqualTo(program.pid());
      assertThat(lease.string("hold")).isEqualTo("process");

      program.kill();

      assertThat(events.await("leaseEnded").string("lease")).isEqualTo(granted);
      assertThat(broker.leases()).isEmpty();
    }
  }

  @Test
  void argumentsPassByteByByte() throws Exception {
    BrokerProcess broker = brokers.start("web");
    // A Java test cannot start a program with such bytes, but a shell can write them.
    String arguments =
        "\"$(printf '\\377\\376\\200x')\" \"$(printf 'a\\nb')\" '' \"$(printf 'é')\"";
    ProgramProcess program =
        run(
            broker,
            List.of(
                "/bin/sh",
                "-c",
                "exec " + Checkout.command() + " exec web -- " + show(broker) + " 0 " + arguments));
    assertThat(found(program, "argument ")).containsExactly("fffe8078", "610a62", "", hex("é"));
  }

  @Test
  void aProgramThatIsNotFoundIs127() throws Exception {
    BrokerProcess broker = brokers.start("web");
    assertRefused(exec(broker, "web", "--", "no-such-program"), 127, "no-such-program");
    assertThat(broker.leases()).isEmpty();
  }

  @Test
  void aFileThatIsNotExecutableIs126() throws Exception {
    BrokerProcess broker = brokers.start("web");
    Path plain = Files.writeString(broker.directory().resolve("plain"), "text");
    assertRefused(exec(broker, "web", "--", plain.toString()), 126, plain.toString());
  }

  @Test
  void anUnknownListenerIsRefused() throws Exception {
    BrokerProcess broker = brokers.start("web");
    assertRefused(exec(broker, "wbe", "--", show(broker), "0"), 1, "wbe");
  }

  @Test
  void whoIsNotAllowedIsToldSo() throws Exception {
    assertThat(Checkout.isRoot()).as("only root can start a program as another uid").isTrue();
    BrokerProcess broker = brokers.start("web");
    Files.setPosixFilePermissions(broker.socket(), PosixFilePermissions.fromString("rw-rw-rw-"));
    String program = show(broker);
    List<String> command = new ArrayList<>();
    command.addAll(List.of(Checkout.installed("setpriv", "util-linux"), "--reuid", "65534"));
    command.addAll(List.of("--regid", "65534", "--clear-groups", Checkout.command().toString()));
    command.addAll(List.of("exec", "web", "--", program, "0"));
    assertRefused(run(broker, command), 77, "web");
  }

  @Test
  void aBrokerThatIsNotThereIs69() throws Exception {
    Path directory = BrokerProcess.newDirectory();
    Path nowhere = directory.resolve("nothing.sock");
    ProgramProcess program =
        ProgramProcess.start(
            "holdfast",
            List.of(Checkout.command().toString(), "exec", "web", "--", "/bin/true"),
            Map.of("HOLDFAST_SOCKET", nowhere.toString()));
    assertRefused(program, 69, nowhere.toString());
    BrokerProcess.delete(directory);
  }

  private ProgramProcess exec(BrokerProcess broker, String... words) throws Exception {
    List<String> command = new ArrayList<>(List.of(Checkout.command().toString(), "exec"));
    command.addAll(Arrays.asList(words));
    return run(broker, command);
  }

  private ProgramProcess run(BrokerProcess broker, List<String> command) throws Exception {
    ProgramProcess program =
        brokers.keep(
            ProgramProcess.start(
                "holdfast", command, Map.of("HOLDFAST_SOCKET", broker.socket().toString())));
    program.awaitEnd();
    return program;
  }

  private static String show(BrokerProcess broker) throws Exception {
    return Workers.compiled("show", broker.directory()).toString();
  }

  private static List<String> found(ProgramProcess program, String prefix) {
    List<String> lines = program.outLines();
    assertThat(lines).as("it ran: %s", program.written()).isNotEmpty();
    return lines.stream()
        .filter(line -> line.startsWith(prefix))
        .map(line -> line.substring(prefix.length()))
        .toList();
  }

  private static void assertRefused(ProgramProcess program, int code, String named) {
    assertThat(program.awaitEnd()).as(program.written()).isEqualTo(code);
    assertThat(program.errLines()).anyMatch(line -> line.contains(named));
    assertThat(program.written()).doesNotContain("Exception", "\tat ");
  }

  private static String hex(String text) {
    return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
  }
}
