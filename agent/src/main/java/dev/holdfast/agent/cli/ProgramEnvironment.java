package dev.holdfast.agent.cli;

import dev.holdfast.fd.Exec;
import dev.holdfast.fd.Limits;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The environment that a program gets: ours, byte for byte, with changes. Values are byte text. */
final class ProgramEnvironment {

  private final Map<String, byte[]> entries;

  ProgramEnvironment(Map<String, byte[]> entries) {
    this.entries = entries;
  }

  static ProgramEnvironment ofThisProcess() throws IOException {
    return new ProgramEnvironment(Exec.environment());
  }

  @Nullable String value(String name) {
    byte[] entry = entries.get(name);
    return entry == null ? null : ByteText.of(entry).substring(name.length() + 1);
  }

  void set(String name, String value) {
    entries.put(name, ByteText.bytes(name + "=" + value));
  }

  void remove(String name) {
    entries.remove(name);
  }

  /**
   * Says to the program that the named descriptors are passed to it, as sd_listen_fds(3) has it.
   * The pid is ours, since the program takes the place of this process.
   */
  void passDescriptors(List<String> names) {
    set("LISTEN_FDS", Integer.toString(names.size()));
    set("LISTEN_PID", Integer.toString(Limits.processId()));
    set("LISTEN_FDNAMES", String.join(":", names));
  }

  /** Takes away what another process may have been told. */
  void passNoDescriptors() {
    remove("LISTEN_FDS");
    remove("LISTEN_PID");
    remove("LISTEN_FDNAMES");
  }

  List<byte[]> entries() {
    return new ArrayList<>(entries.values());
  }
}
