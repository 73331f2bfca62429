package dev.holdfast.agent.adopt;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.jar.JarFile;
import org.jspecify.annotations.Nullable;

/**
 * Where the native part of JNA is loaded from: where the options say, beside the agent's jar as it
 * is installed, or unpacked from the jar to the first directory from which the kernel lets it be
 * mapped. A directory for temporary files is often mounted noexec in hardened systems.
 */
final class NativeLibraries {

  private static final String FILE = "libjnidispatch.so";

  private final JarFile jar;
  private final @Nullable String directory;

  NativeLibraries(JarFile jar, @Nullable String directory) {
    this.jar = jar;
    this.directory = directory;
  }

  /** Whether nothing has to be unpacked. */
  boolean areInstalled() {
    return directory != null || beside() != null;
  }

  /**
   * Loads a class in a loader of its own, whose native libraries work.
   *
   * @throws IOException with what to set, when there is no place to load from
   */
  Class<?> load(String name) throws IOException {
    Path installed = installed();
    if (installed != null) {
      try {
        return loadFrom(name, installed, installed.getParent());
      } catch (LinkageError e) {
        throw unusable(installed.toString(), e);
      }
    }
    Throwable last = null;
    StringBuilder tried = new StringBuilder();
    for (Path parent : candidates()) {
      try {
        return loadUnpacked(name, parent);
      } catch (IOException | LinkageError e) {
        last = e;
        tried.append(tried.length() == 0 ? "" : ", ").append(parent);
      }
    }
    throw unusable(tried.toString(), last);
  }

  private static IOException unusable(String where, @Nullable Throwable cause) {
    Throwable root = cause;
    while (root != null && root.getCause() != null) {
      root = root.getCause();
    }
    return new IOException(
        "load the native library "
            + FILE
            + " from "
            + where
            + ": "
            + (root == null ? "no such directory" : root.getMessage())
            + ". Give the agent the option native=DIR, with a directory that has the file and is"
            + " not mounted noexec",
        cause);
  }

  private @Nullable Path installed() throws IOException {
    if (directory != null) {
      Path file = Path.of(directory, FILE);
      if (!Files.isReadable(file)) {
        throw new IOException("option native=" + directory + ": there is no readable " + file);
      }
      return file;
    }
    return beside();
  }

  private @Nullable Path beside() {
    Path beside = Path.of(jar.getName()).toAbsolutePath().getParent();
    if (beside == null) {
      return null;
    }
    Path file = beside.resolve("native").resolve(machine()).resolve(FILE);
    return Files.isReadable(file) ? file : null;
  }

  /** As uname(1) has it, which names the directories of an installation. */
  private static String machine() {
    String name = System.getProperty("os.arch", "");
    return name.equals("amd64") ? "x86_64" : name;
  }

  private static Set<Path> candidates() {
    Set<Path> found = new LinkedHashSet<>();
    String runtime = System.getenv("XDG_RUNTIME_DIR");
    String[] names = {
      System.getProperty("java.io.tmpdir"), runtime, "/var/tmp", "/dev/shm", "/tmp"
    };
    for (String each : names) {
      if (each != null && !each.isEmpty() && new File(each).isDirectory()) {
        found.add(Path.of(each));
      }
    }
    return found;
  }

  private Class<?> loadUnpacked(String name, Path parent) throws IOException {
    IsolatedLoader loader = IsolatedLoader.open(jar);
    String resource =
        "com/sun/jna/linux-" + machine().replace('_', '-') + "/" + FILE; // JNA's own layout
    byte[] bytes = loader.read(resource);
    if (bytes == null) {
      throw new IOException(jar.getName() + " has no " + resource);
    }
    // Ours alone: createTempDirectory makes it with mode 0700.
    Path unpacked = Files.createTempDirectory(parent, "holdfast-agent-");
    Path file = unpacked.resolve(FILE);
    try {
      Files.write(file, bytes);
      return loadFrom(name, file, parent);
    } finally {
      Files.deleteIfExists(file); // what is mapped stays mapped
      Files.deleteIfExists(unpacked);
    }
  }

  /** A loader for each try: a class whose static initialiser failed once has failed for good. */
  private Class<?> loadFrom(String name, Path file, @Nullable Path parent) throws IOException {
    String at = String.valueOf(file.getParent());
    System.setProperty(IsolatedLoader.PROPERTIES + "jna.boot.library.path", at);
    System.setProperty(IsolatedLoader.PROPERTIES + "jna.nounpack", "true");
    System.setProperty(IsolatedLoader.PROPERTIES + "jna.nosys", "true");
    System.setProperty(IsolatedLoader.PROPERTIES + "jna.platform.library.path", at);
    Path other = file.resolveSibling("libjunixsocket.so");
    String junixsocket = IsolatedLoader.PROPERTIES + "org.newsclub.net.unix.library.";
    if (Files.isReadable(other)) {
      System.setProperty(junixsocket + "override", other.toString());
    } else if (parent != null) {
      System.setProperty(junixsocket + "tmpdir", parent.toString());
    }
    IsolatedLoader loader = IsolatedLoader.open(jar);
    try {
      Class.forName("com.sun.jna.Native", true, loader);
      return Class.forName(name, true, loader);
    } catch (ClassNotFoundException e) {
      throw new IOException(jar.getName() + " is not complete: no " + e.getMessage(), e);
    }
  }
}
