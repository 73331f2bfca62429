package dev.holdfast.fd;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Replaces this process by another program (execve(2)): same pid, no supervisor left behind.
 *
 * <p>The program gets the standard streams, the descriptors that were placed, and nothing else: a
 * JVM keeps dozens without close-on-exec. Its signal mask is empty and no signal is ignored but
 * SIGHUP, which nohup(1) ignores on purpose. Arguments and environment are bytes, since names and
 * values need not be text. Use from one thread.
 */
public final class Exec {

  private static final int SIGHUP = 1;
  private static final int HIGH = 512;

  private final byte[] program;
  private final List<byte[]> arguments;
  private final List<byte[]> environment;
  private final TreeMap<Integer, OwnedFd> placed = new TreeMap<>();

  /**
   * @param program a path; no search of PATH is made
   * @param arguments with the name of the program first
   * @param environment entries NAME=value
   */
  public Exec(byte[] program, List<byte[]> arguments, List<byte[]> environment) {
    this.program = program.clone();
    this.arguments = List.copyOf(arguments);
    this.environment = List.copyOf(environment);
  }

  /** The program will find the borrowed descriptor under this number. */
  public Exec place(OwnedFd borrowed, int number) {
    placed.put(number, borrowed);
    return this;
  }

  /**
   * Does not return when it succeeds. When it fails, this process is as it was, except for
   * close-on-exec on all its descriptors.
   *
   * @throws ErrnoException ENOENT, EACCES, E2BIG …; a file that is executable and has no format we
   *     know goes to /bin/sh, as execvp(3) does
   */
  public ErrnoException replaceProcess() throws ErrnoException {
    Pointer path = terminated(program);
    Vector argv = new Vector(arguments);
    Vector envp = new Vector(environment);
    List<byte[]> shellArguments = new ArrayList<>(List.of(bytes("sh"), program));
    shellArguments.addAll(arguments.subList(Math.min(1, arguments.size()), arguments.size()));
    Vector shell = new Vector(shellArguments);
    Pointer shellPath = terminated(bytes("/bin/sh"));
    Memory emptyMask = new Memory(128);
    emptyMask.clear();
    Memory oldMask = new Memory(128);
    List<Integer> ignored = ignoredSignals();

    // The descriptors we are about to overwrite are the JVM's own (its jars among them). So every
    // class and symbol of the rest
    // must be loaded by now: a failing execve does that, and makes the error path warm too.
    Pointer nowhere = terminated(new byte[0]);
    int unused = Libc.execve(nowhere, argv.block, envp.block);
    String object = new String(program, StandardCharsets.UTF_8);
    ErrnoException failure = ErrnoException.last("exec", object);
    unused = Libc.sigprocmask(Libc.SIG_SETMASK, emptyMask, oldMask);

    int[] targets = new int[placed.size()];
    int next = 0;
    for (int target : placed.keySet()) {
      targets[next++] = target;
    }
    int[] parked = new int[targets.length];
    int[] saved = new int[targets.length];
    for (int i = 0; i < targets.length; i++) {
      OwnedFd source = placed.get(targets[i]);
      parked[i] = source == null ? -1 : Libc.fcntl(source.number(), Libc.F_DUPFD_CLOEXEC, HIGH);
      if (parked[i] < 0) {
        throw ErrnoException.last("dup", "listener for descriptor " + targets[i]);
      }
      saved[i] = Libc.fcntl(targets[i], Libc.F_DUPFD_CLOEXEC, HIGH);
    }
    markCloseOnExec();
    for (int signo : ignored) {
      Libc.signal(signo, Pointer.NULL);
    }
    for (int i = 0; i < targets.length; i++) {
      unused = Libc.dup2(parked[i], targets[i]); // clears close-on-exec on the copy
    }
    unused = Libc.execve(path, argv.block, envp.block);
    int errno = Libc.errno();
    if (errno == Errno.ENOEXEC) {
      unused = Libc.execve(shellPath, shell.block, envp.block);
      errno = Libc.errno();
    }
    for (int i = 0; i < targets.length; i++) {
      unused =
          saved[i] < 0 ? Libc.close(targets[i]) : Libc.dup3(saved[i], targets[i], Libc.O_CLOEXEC);
      unused = Libc.close(parked[i]);
      unused = saved[i] < 0 ? 0 : Libc.close(saved[i]);
    }
    unused = Libc.sigprocmask(Libc.SIG_SETMASK, oldMask, null);
    return new ErrnoException(failure.call(), object, errno);
  }

  /** All descriptors of this process but the standard streams. */
  static void markCloseOnExec() {
    long marked = Libc.syscall(Libc.SYS_CLOSE_RANGE, 3, 0xffffffffL, Libc.CLOSE_RANGE_CLOEXEC, 0);
    if (marked < 0) { // before Linux 5.11
      for (int fd : openDescriptors()) {
        if (fd > 2) {
          int unused = Libc.fcntl(fd, Libc.F_SETFD, Libc.FD_CLOEXEC);
        }
      }
    }
  }

  private static List<Integer> openDescriptors() {
    List<Integer> result = new ArrayList<>();
    String[] names = new java.io.File("/proc/self/fd").list();
    for (String name : names == null ? new String[0] : names) {
      result.add(Integer.valueOf(name));
    }
    return result;
  }

  /** From /proc/self/status, SigIgn: the dispositions that exec would hand on. */
  private static List<Integer> ignoredSignals() {
    List<Integer> result = new ArrayList<>();
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("SigIgn:")) {
          long mask = Long.parseUnsignedLong(line.substring(7).trim(), 16);
          for (int signo = 1; signo <= 64; signo++) {
            if ((mask & 1L << (signo - 1)) != 0 && signo != SIGHUP) {
              result.add(signo);
            }
          }
        }
      }
    } catch (IOException e) {
      System.getLogger(Exec.class.getName())
          .log(System.Logger.Level.DEBUG, "no /proc: ignored signals stay ignored", e);
    }
    return result;
  }

  /**
   * Whether this process may execute the file, as far as can be known without trying: 0, or the
   * errno that execve(2) would give (EACCES for a directory too).
   *
   * @param path as bytes, without a NUL
   */
  public static int whyNotExecutable(byte[] path) {
    if (path.length == 0) {
      return Errno.ENOENT;
    }
    try (Memory file = terminated(path);
        Memory inside = terminated(java.util.Arrays.copyOf(path, path.length + 2))) {
      if (Libc.faccessat(Libc.AT_FDCWD, file, Libc.X_OK, Libc.AT_EACCESS) < 0) {
        return Libc.errno();
      }
      inside.setByte(path.length, (byte) '/');
      inside.setByte(path.length + 1L, (byte) '.');
      boolean directory = Libc.faccessat(Libc.AT_FDCWD, inside, Libc.F_OK, Libc.AT_EACCESS) == 0;
      return directory ? Errno.EACCES : 0;
    }
  }

  /** This process's environment, byte for byte as it was given. */
  public static Map<String, byte[]> environment() throws IOException {
    Map<String, byte[]> result = new java.util.LinkedHashMap<>();
    for (byte[] entry : split(Files.readAllBytes(Path.of("/proc/self/environ")))) {
      String text = new String(entry, StandardCharsets.ISO_8859_1);
      int equals = text.indexOf('=', 1);
      if (equals > 0) {
        result.put(text.substring(0, equals), entry);
      }
    }
    return result;
  }

  /**
   * The last arguments of this process, byte for byte: the JVM decodes them, and loses what is not
   * text in the locale.
   */
  public static List<byte[]> lastArguments(int count) throws IOException {
    List<byte[]> all = split(Files.readAllBytes(Path.of("/proc/self/cmdline")));
    if (count > all.size()) {
      throw new IOException("/proc/self/cmdline has fewer than " + count + " arguments");
    }
    return all.subList(all.size() - count, all.size());
  }

  private static List<byte[]> split(byte[] block) {
    List<byte[]> result = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < block.length; i++) {
      if (block[i] == 0) {
        result.add(java.util.Arrays.copyOfRange(block, start, i));
        start = i + 1;
      }
    }
    return result;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static Memory terminated(byte[] bytes) {
    Memory memory = new Memory(bytes.length + 1L);
    memory.write(0, bytes, 0, bytes.length);
    memory.setByte(bytes.length, (byte) 0);
    return memory;
  }

  /** A NULL-terminated array of C strings; keeps the strings reachable. */
  private static final class Vector {
    final Memory block;
    final List<Memory> strings = new ArrayList<>();

    Vector(List<byte[]> entries) {
      block = new Memory((entries.size() + 1) * 8L);
      for (int i = 0; i < entries.size(); i++) {
        Memory string = terminated(entries.get(i));
        strings.add(string);
        block.setPointer(i * 8L, string);
      }
      block.setPointer(entries.size() * 8L, Pointer.NULL);
    }
  }
}
