package dev.holdfast.broker.workers;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * What the shell is told that becomes a worker's program.
 *
 * <p>A shell, since only code that runs in the new process itself knows its pid: LISTEN_PID must be
 * the program's (sd_listen_fds(3)), in its own pid namespace where a sandbox makes one. It waits
 * for a line on its standard input, so that nothing of the worker's runs before the broker knows
 * it; when the broker has ended instead, it ends too.
 *
 * <p>Where the worker is to be somebody else's, that shell is root's, and another follows that is
 * the account's. Shells, loaders and libraries do as their environment says: LD_PRELOAD, ENV,
 * OPENSSL_CONF. So root's has the worker's as mere values, under names that mean nothing, and the
 * account's gives them their own names back. (As arguments of env(1) all users could read them.)
 */
final class StartScript {

  /** Whoever makes the process runs this. */
  static final String SHELL = "/bin/sh";

  /** What the waiting shell is sent. */
  private static final byte[] GO = {'g', 'o', '\n'};

  /** $0 of the shell: its messages begin with it. */
  private static final String NAME = "holdfast-worker";

  // read takes a line and not a byte more. It goes into the one variable that is set anyway.
  private static final String WAIT = "read -r LISTEN_PID || exit 1\nexec </dev/null\n";
  private static final String EXEC = "exec \"$@\"";
  private static final String BECOME = "LISTEN_PID=$$\nexport LISTEN_PID\n" + EXEC;
  private static final String CARRIER = "HOLDFAST_CARRIED_";

  private final List<byte[]> environment;
  private final List<byte[]> foreign;
  private final StringBuilder first = new StringBuilder(WAIT);
  private List<String> account = List.of();

  /**
   * @param environment entries NAME=value that a shell passes on
   * @param foreign those that none does
   */
  StartScript(List<byte[]> environment, List<byte[]> foreign) {
    this.environment = List.copyOf(environment);
    this.foreign = List.copyOf(foreign);
  }

  static byte[] go() {
    return GO.clone();
  }

  /**
   * The soft limit of open files that the program is to have. The JVM raises its own to the hard
   * one, and a program that uses select(2) breaks with a descriptor over 1023.
   */
  StartScript openFiles(OptionalLong limit) {
    limit.ifPresent(
        soft -> first.append("ulimit -S -n ").append(soft).append(" 2>/dev/null || :\n"));
    return this;
  }

  /** The program's file mode creation mask; null: ours. */
  StartScript umask(@Nullable Integer mask) {
    if (mask != null) {
      first.append("umask 0").append(Integer.toOctalString(mask)).append('\n');
    }
    return this;
  }

  /** A command in front of all that is the worker's, which makes root's process somebody else's. */
  StartScript account(List<String> command) {
    account = List.copyOf(command);
    return this;
  }

  /**
   * The arguments of the shell, its name first.
   *
   * @param sandbox a command in front of the program, or empty
   */
  List<byte[]> arguments(List<String> sandbox, List<String> command) {
    List<byte[]> result = new ArrayList<>();
    add(result, "sh", "-c");
    String script = first.toString();
    if (!account.isEmpty()) {
      add(result, script + EXEC, NAME);
      account.forEach(word -> add(result, word));
      add(result, SHELL, "-c");
      script = unpack();
    }
    if (sandbox.isEmpty()) {
      add(result, script + BECOME, NAME);
    } else {
      add(result, script + EXEC, NAME);
      sandbox.forEach(word -> add(result, word));
      add(result, SHELL, "-c", BECOME, NAME);
    }
    if (!foreign.isEmpty()) {
      add(result, "env");
      result.addAll(foreign);
    }
    command.forEach(word -> add(result, word));
    return result;
  }

  /** What the shell is started with. */
  List<byte[]> environment() {
    if (account.isEmpty()) {
      return environment;
    }
    List<byte[]> result = new ArrayList<>();
    for (byte[] entry : environment) {
      byte[] name = (CARRIER + result.size() + "=").getBytes(StandardCharsets.UTF_8);
      byte[] carried = new byte[name.length + entry.length];
      System.arraycopy(name, 0, carried, 0, name.length);
      System.arraycopy(entry, 0, carried, name.length, entry.length);
      result.add(carried);
    }
    return result;
  }

  private String unpack() {
    StringBuilder script = new StringBuilder();
    for (int i = 0; i < environment.size(); i++) {
      String name = CARRIER + i;
      script.append("export \"$").append(name).append("\"; unset ").append(name).append('\n');
    }
    return script.toString();
  }

  private static void add(List<byte[]> to, String... words) {
    for (String word : words) {
      to.add(word.getBytes(StandardCharsets.UTF_8));
    }
  }
}
