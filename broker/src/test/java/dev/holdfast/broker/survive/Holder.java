package dev.holdfast.broker.survive;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.fd.OwnedFd;
import java.io.BufferedReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.newsclub.net.unix.FileDescriptorCast;

/** A program in Python that holds sockets, until it is closed. */
final class Holder implements AutoCloseable {

  private static final String HEAD = "import os, signal, socket, sys\n";
  private static final String TAIL = "\nprint('ready', flush=True)\nsignal.pause()\n";

  private final Process process;
  private final BufferedReader out;

  private Holder(Process process) {
    this.process = process;
    this.out = process.inputReader();
  }

  /** One that has the borrowed descriptor as its number 0, and a copy as {@code s}. */
  static Holder of(OwnedFd borrowed, String script) throws IOException {
    return start(List.of(), borrowed, "s = socket.socket(fileno=os.dup(0))\n" + script);
  }

  static Holder of(OwnedFd borrowed) throws IOException {
    return of(borrowed, "");
  }

  /** One of another user; for root only. */
  static Holder as(int uid, OwnedFd borrowed) throws IOException {
    List<String> change = List.of("setpriv", "--reuid=" + uid, "--regid=" + uid, "--clear-groups");
    return start(change, borrowed, "");
  }

  /** One that makes its sockets itself; {@code say(x)} writes a line. */
  static Holder alone(String script) throws IOException {
    return start(List.of(), null, script);
  }

  private static Holder start(
      List<String> prefix, @org.jspecify.annotations.Nullable OwnedFd input, String script)
      throws IOException {
    String say = "def say(*x): print(*x, flush=True)\n";
    List<String> command = new ArrayList<>(prefix);
    command.addAll(List.of("/usr/bin/python3", "-c", HEAD + say + script + TAIL));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    if (input != null) {
      builder.redirectInput(
          FileDescriptorCast.unsafeUsing(input.number()).as(ProcessBuilder.Redirect.class));
    }
    return new Holder(builder.start());
  }

  /** Waits until the script was run to its end. */
  Holder ready() throws IOException {
    assertThat(line()).isEqualTo("ready");
    return this;
  }

  String line() throws IOException {
    return String.valueOf(out.readLine());
  }

  int pid() {
    return (int) process.pid();
  }

  @Override
  public void close() {
    process.destroyForcibly();
    try {
      assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
