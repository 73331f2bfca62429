package dev.holdfast.fd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** Counts this process's descriptors, to show that a test left none behind. */
public final class OpenDescriptors {

  private final Map<String, String> before;

  private OpenDescriptors(Map<String, String> before) {
    this.before = before;
  }

  public static OpenDescriptors now() {
    takeWhatTheJdkKeeps();
    return new OpenDescriptors(open());
  }

  /** With the first file that it reads the JDK makes a socket, for closing others; it stays. */
  private static void takeWhatTheJdkKeeps() {
    try {
      String unused = Files.readString(Path.of("/proc/self/comm"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public void assertUnchanged() {
    assertChangedBy(0);
  }

  public void assertChangedBy(int difference) {
    Map<String, String> after = open();
    assertThat(after.size())
        .as("open descriptors: before %s, after %s", before, after)
        .isEqualTo(before.size() + difference);
  }

  /** Without files of /proc and /sys, which the JVM itself reads for a moment now and then. */
  private static Map<String, String> open() {
    Map<String, String> open = new TreeMap<>();
    File[] descriptors = new File("/proc/self/fd").listFiles();
    assertThat(descriptors).isNotNull();
    for (File descriptor : descriptors) {
      try {
        String target = Files.readSymbolicLink(descriptor.toPath()).toString();
        if (!target.startsWith("/proc/") && !target.startsWith("/sys/")) {
          open.put(descriptor.getName(), target);
        }
      } catch (IOException e) {
        // Closed since it was listed: the listing's own descriptor.
      }
    }
    return open;
  }
}
