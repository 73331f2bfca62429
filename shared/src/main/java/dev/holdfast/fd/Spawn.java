package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * A process about to be made (posix_spawn(3)). For one start, by one thread.
 *
 * <p>The child leads a session and a process group of its own, blocks no signal and ignores none
 * (SIGHUP too: it is a service, and nohup(1) was not meant for it). A group alone would not do:
 * when we are killed while a member of it is stopped, and it was in our session, the kernel sends
 * all of it SIGHUP (kill_orphaned_pgrp). It has the standard streams, the descriptors that were
 * placed, and nothing else. Program, arguments and environment are bytes, since names and values
 * need not be text.
 */
public final class Spawn {

  private static final int STANDARD_STREAMS = 3;

  private record Limit(int resource, long soft, long hard) {}

  private final byte[] program;
  private final List<byte[]> arguments;
  private final List<byte[]> environment;
  private final TreeMap<Integer, OwnedFd> placed = new TreeMap<>();
  private final List<Limit> limits = new ArrayList<>();
  private final SpawnThread thread;

  /**
   * @param program a path; no search of PATH is made
   * @param arguments with the name of the program first
   * @param environment entries NAME=value
   * @throws IllegalArgumentException where one has a NUL, at which the kernel would end it
   */
  public Spawn(byte[] program, List<byte[]> arguments, List<byte[]> environment) {
    this.program = program.clone();
    this.arguments = List.copyOf(arguments);
    this.environment = List.copyOf(environment);
    thread = new SpawnThread(new String(program, StandardCharsets.UTF_8));
  }

  /**
   * The child will find the borrowed descriptor under this number. A standard stream that nothing
   * is placed on is ours.
   */
  public Spawn place(OwnedFd borrowed, int number) {
    if (number < 0) {
      throw new IllegalArgumentException("a descriptor number is 0 or more: " + number);
    }
    placed.put(number, borrowed);
    return this;
  }

  /** Where the child starts; entered with the rights of {@link #checkAs}. */
  public Spawn directory(String path) {
    thread.directory(CStrings.terminated(path), path);
    return this;
  }

  /**
   * Whose rights decide whether the directory may be entered and the required program executed. The
   * child's ids are ours all the same: what it runs can change them. For root only. Before Linux
   * 5.8, and where faccessat2(2) is forbidden, it is found only that nobody may execute a program.
   *
   * @param groups all supplementary groups
   */
  public Spawn checkAs(int uid, int gid, List<Integer> groups) {
    if (uid == -1 || gid == -1) {
      throw new IllegalArgumentException("-1 is nobody's number: it would leave the id as it is");
    }
    Memory list = new Memory(Math.max(1, groups.size()) * 4L);
    for (int i = 0; i < groups.size(); i++) {
      list.setInt(i * 4L, groups.get(i));
    }
    thread.checkAs(uid, gid, list, groups.size());
    return this;
  }

  /**
   * Clears the child's inheritable capabilities: those of ours that would be in force again after a
   * change of ids, for programs whose files name them (capabilities(7)).
   */
  public Spawn inheritNoCapabilities() {
    thread.inheritNoCapabilities();
    return this;
  }

  /** The child's nice value (nice(2)), from -20 to 19. */
  public Spawn nice(int value) {
    if (value < -20 || value > 19) {
      throw new IllegalArgumentException("a nice value is from -20 to 19: " + value);
    }
    thread.nice(value);
    return this;
  }

  /**
   * Sets a resource limit of the child (prlimit(2)) before {@link #start} returns; its program may
   * run already, so one that must not run without it has to wait for a word from us. To raise a
   * hard limit needs CAP_SYS_RESOURCE.
   *
   * @param resource RLIMIT_…
   * @param soft in force; -1 for none
   * @param hard what the child may raise it to; -1 for any
   */
  public Spawn limit(int resource, long soft, long hard) {
    limits.add(new Limit(resource, soft, hard));
    return this;
  }

  /** Nothing that the child starts can gain rights by set-uid or file capabilities (prctl(2)). */
  public Spawn noNewPrivileges() {
    thread.noNewPrivileges();
    return this;
  }

  /**
   * Has {@link #start} fail unless this program could be executed too, from the child's directory
   * and with the rights of {@link #checkAs}: for a program that a shell in between will run, whose
   * failure would only be an exit code. A name without a slash is looked for in the path, as
   * execvp(3) does.
   *
   * @param path as PATH is written
   */
  public Spawn requireExecutable(String program, String path) {
    List<Memory> candidates = new ArrayList<>();
    List<Memory> insides = new ArrayList<>();
    for (String candidate : candidates(program, path)) {
      candidates.add(CStrings.terminated(candidate));
      insides.add(CStrings.terminated(candidate + "/."));
    }
    String sought = program.indexOf('/') >= 0 ? program : program + " (PATH is " + path + ")";
    thread.required(
        candidates.toArray(new Memory[0]),
        insides.toArray(new Memory[0]),
        program.isEmpty() ? "\"\"" : sought);
    return this;
  }

  private static List<String> candidates(String program, String path) {
    if (program.indexOf('/') >= 0) {
      return List.of(program);
    }
    List<String> result = new ArrayList<>();
    if (!program.isEmpty()) {
      for (String directory : path.split(":", -1)) {
        result.add((directory.isEmpty() ? "." : directory) + "/" + program);
      }
    }
    return result;
  }

  /**
   * Starts it. Blocks until the child runs its program; a thread of its own does the work. Closes
   * nothing of the caller's, and leaves nothing behind when it fails.
   *
   * @return the child, owned by the caller
   * @throws ErrnoException that says which step failed, and on what
   */
  public Child start() throws ErrnoException {
    String name = new String(program, StandardCharsets.UTF_8);
    List<OwnedFd> parked = new ArrayList<>();
    try {
      // In the child, a placed descriptor must not overwrite one that is still to be placed: so all
      // are first copied to above the highest number.
      int above = placed.isEmpty() ? STANDARD_STREAMS : placed.lastKey() + 1;
      for (var entry : placed.entrySet()) {
        parked.add(park(entry.getValue(), Math.max(above, STANDARD_STREAMS), entry.getKey(), name));
      }
      int pid = thread.spawn(placement(parked), command());
      Child child = Child.take(pid, name);
      limit(child);
      return child;
    } finally {
      parked.forEach(OwnedFd::close);
    }
  }

  private void limit(Child child) throws ErrnoException {
    try {
      for (Limit limit : limits) {
        child.limit(limit.resource(), limit.soft(), limit.hard());
      }
    } catch (ErrnoException e) {
      int unused = SpawnLibc.kill(child.pid(), SpawnLibc.SIGKILL);
      Children.awaitAndReap(child.pid());
      child.close();
      throw e;
    }
  }

  private static OwnedFd park(OwnedFd source, int above, int number, String name)
      throws ErrnoException {
    int copy = Libc.fcntl(source.number(), Libc.F_DUPFD_CLOEXEC, above);
    if (copy < 0) {
      throw ErrnoException.last("dup", "descriptor " + number + " of a new " + name);
    }
    return OwnedFd.own(copy);
  }

  private SpawnThread.Placement placement(List<OwnedFd> parked) {
    List<SpawnThread.Move> moves = new ArrayList<>();
    for (int number : placed.keySet()) {
      moves.add(new SpawnThread.Move(parked.get(moves.size()).number(), number));
    }
    int end =
        placed.isEmpty() ? STANDARD_STREAMS : Math.max(STANDARD_STREAMS, placed.lastKey() + 1);
    List<Integer> holes = new ArrayList<>();
    for (int number = STANDARD_STREAMS; number < end; number++) {
      if (!placed.containsKey(number)) {
        holes.add(number);
      }
    }
    return new SpawnThread.Placement(moves, holes, end);
  }

  private SpawnThread.Command command() {
    return new SpawnThread.Command(
        CStrings.terminated(program), new CStrings(arguments), new CStrings(environment));
  }
}
