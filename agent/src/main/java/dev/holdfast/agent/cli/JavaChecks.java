package dev.holdfast.agent.cli;

import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** This Java, and what it needs to carry a worker. */
final class JavaChecks {

  private static final String CHANNELS = "sun.nio.ch";

  private JavaChecks() {}

  static List<Check> run() {
    return List.of(
        version(Runtime.version().feature(), System.getProperty("java.vm.name", "")),
        channels(
            ServerSocketChannel.class.getModule().isOpen(CHANNELS, JavaChecks.class.getModule())),
        natives(
            System.getProperty("java.io.tmpdir", "/tmp"),
            System.getProperty("jna.boot.library.path"),
            Proc.lines("/proc/self/mounts")));
  }

  static Check version(int feature, String name) {
    return Check.ok(
        "Java",
        feature + ", " + name,
        feature < 25 ? "17 is the oldest that works" : "starts faster than 17");
  }

  static Check channels(boolean open) {
    String name = "--add-opens";
    return open
        ? Check.ok(name, "given", "Java workers get genuine ServerSocketChannels")
        : Check.limited(
            name,
            "not given to this Java",
            "only Java workers need it, for a genuine ServerSocketChannel; this command does not",
            "start Java workers with --add-opens java.base/sun.nio.ch=ALL-UNNAMED");
  }

  /**
   * Whether native libraries can be unpacked where Java puts them.
   *
   * @param unpacked where they lie unpacked beforehand, null when they do not
   * @param mounts the lines of /proc/self/mounts
   */
  static Check natives(String directory, @Nullable String unpacked, List<String> mounts) {
    String name = "native libraries";
    if (unpacked != null) {
      return Check.ok(name, unpacked, "unpacked beforehand");
    }
    String mount = noexecMount(directory, mounts);
    return mount != null
        ? Check.limited(
            name,
            directory + ", noexec at " + mount,
            "libraries that are unpacked there cannot be loaded",
            "give Java workers -Djava.io.tmpdir= or -Djna.tmpdir= with a directory that permits"
                + " execution")
        : Check.ok(name, directory, "can be unpacked and loaded there");
  }

  /** Where the file system of a directory is mounted, if that forbids execution; else null. */
  static @Nullable String noexecMount(String directory, List<String> mounts) {
    Path wanted = Path.of(directory).toAbsolutePath();
    String mount = "";
    boolean noexec = false;
    for (String line : mounts) {
      String[] words = line.split(" ", -1);
      if (words.length > 3
          && wanted.startsWith(Path.of(words[1]))
          && words[1].length() >= mount.length()) {
        mount = words[1];
        noexec = List.of(words[3].split(",", -1)).contains("noexec");
      }
    }
    return noexec ? mount : null;
  }
}
