package dev.holdfast.fd;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The thread that makes a child, as which the child is born: a child has the nice value,
 * no_new_privs and capabilities of the thread that forks it, and on Linux each of these is a
 * thread's own (credentials(7), clone(2)).
 *
 * <p>So are its ids. The real, effective and saved ones are never changed here: kill(2) and
 * ptrace(2) look at those of each single thread, and a signal that ends one thread ends them all,
 * so that any process of the account could end us. The ids for the file system concern nobody but
 * the file system (setfsuid(2)); exec gives the child those of ours again.
 *
 * <p>{@link #run} makes system calls and does nothing else. It allocates no native memory, since
 * JNA may start its cleaner thread then, which would have the account's rights for good; and it
 * needs no class that is not loaded, since the account may not be able to read the jar. So
 * everything is prepared before it and failures are put into words after it.
 */
final class SpawnThread implements Runnable {

  /**
   * What the child's descriptors are.
   *
   * @param closed numbers below the end that nothing is placed on
   * @param end from this number on all are closed
   */
  record Placement(List<Move> moves, List<Integer> closed, int end) {}

  record Move(int from, int to) {}

  record Command(Memory program, CStrings arguments, CStrings environment) {}

  /** Read before the first change: our own dumpable flag (prctl(2)), which setfsuid(2) clears. */
  private static final boolean DUMPABLE =
      ChildLibc.prctl(ChildLibc.PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;

  private static final long ALL_BITS = 0xffffffffL;
  private static final int SIGNAL_SET = 128;

  // capset(2), version 3: effective, permitted, inheritable, once for each half of the bits.
  private static final int CAPABILITY_VERSION = 0x20080522;
  private static final int INHERITABLE_LOW = 8;
  private static final int INHERITABLE_HIGH = 20;

  private final String name;
  private @Nullable Memory directory;
  private String directoryName = "";
  private @Nullable Integer uid;
  private int gid;
  private @Nullable Memory groups;
  private int groupCount;
  private Memory ourGroups = new Memory(4);
  private int ourGroupCount;
  private boolean inheritNoCapabilities;
  private @Nullable Integer nice;
  private boolean noNewPrivileges;
  private Memory @Nullable [] required;
  private Memory[] requiredInside = new Memory[0];
  private String requiredName = "";

  private final Memory actions = new Memory(512); // 80 bytes in glibc
  private final Memory attributes = new Memory(1024); // 336 bytes in glibc
  private final Memory emptySet = new Memory(SIGNAL_SET);
  private final Memory fullSet = new Memory(SIGNAL_SET);
  private final Memory capabilityHeader = new Memory(8);
  private final Memory capabilities = new Memory(24);
  private final Memory pidResult = new Memory(4);
  private final Memory here = CStrings.terminated(".");
  private @Nullable Placement placement;
  private @Nullable Command command;

  // Written by the thread, read after its end.
  private long ourUid = ALL_BITS;
  private long ourGid = ALL_BITS;
  private int pid;
  private int errno;
  private String failedCall = "";
  private String failedObject = "";
  private @Nullable Throwable bug;

  SpawnThread(String name) {
    this.name = name;
  }

  void directory(Memory path, String text) {
    directory = path;
    directoryName = text;
  }

  void checkAs(int uid, int gid, Memory groups, int groupCount) {
    this.uid = uid;
    this.gid = gid;
    this.groups = groups;
    this.groupCount = groupCount;
  }

  void inheritNoCapabilities() {
    inheritNoCapabilities = true;
  }

  void nice(int value) {
    nice = value;
  }

  void noNewPrivileges() {
    noNewPrivileges = true;
  }

  void required(Memory[] candidates, Memory[] insides, String text) {
    required = candidates;
    requiredInside = insides;
    requiredName = text;
  }

  /** Runs the thread to its end. Returns the pid of the child. */
  int spawn(Placement placement, Command command) throws ErrnoException {
    if (this.command != null) {
      throw new IllegalStateException("started before");
    }
    this.placement = placement;
    this.command = command;
    if (!SystemCalls.known()) {
      uid = null; // we look with our own rights then, and the child has our capabilities
      inheritNoCapabilities = false;
    }
    int unused = Libc.getpid(); // loads the class, which must not happen on the thread
    readGroups();
    capabilityHeader.clear();
    capabilityHeader.setInt(0, CAPABILITY_VERSION);
    emptySet.clear();
    fullSet.setMemory(0, SIGNAL_SET, (byte) 0xff);
    if (!CloseFrom.KNOWN) {
      Exec.markCloseOnExec(); // ours are so marked already; this is for those of the JVM
    }
    Thread thread = new Thread(this, "broker-spawn");
    try {
      thread.start();
    } catch (OutOfMemoryError e) {
      ThreadLimit.require(e);
      throw new ErrnoException("clone", "a thread to start " + name, Errno.EAGAIN);
    }
    join(thread);
    if (bug != null) {
      throw new IllegalStateException("cannot start " + name, bug);
    }
    if (errno != 0) {
      throw new ErrnoException(failedCall, failedObject, errno);
    }
    return pid;
  }

  private void readGroups() throws ErrnoException {
    int count = SpawnLibc.getgroups(0, null);
    ourGroups = new Memory(Math.max(1, count) * 4L);
    ourGroupCount = SpawnLibc.getgroups(count, ourGroups);
    if (ourGroupCount < 0) {
      throw ErrnoException.last("getgroups", name);
    }
  }

  /** For messages: with whose rights it failed. */
  private String as() {
    Integer who = uid;
    return who == null ? "" : " as uid " + Integer.toUnsignedString(who);
  }

  /** An interrupt is kept for later: the child is there or is not, and that must be known. */
  private static void join(Thread thread) {
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void run() {
    int opened = -1;
    try {
      if (become() && borrowRights()) {
        opened = openDirectory();
        if ((directory == null || opened >= 0) && isExecutable(opened) && takeGroupsBack()) {
          fork(opened);
        }
      }
    } catch (RuntimeException | Error e) {
      bug = e;
    } finally {
      int unused = opened < 0 ? 0 : Libc.close(opened);
      if (uid != null) {
        long unusedBefore = Libc.syscall(SystemCalls.SETFSUID, ourUid, 0, 0, 0);
        unusedBefore = Libc.syscall(SystemCalls.SETFSGID, ourGid, 0, 0, 0);
        if (DUMPABLE) {
          unused = ChildLibc.prctl(ChildLibc.PR_SET_DUMPABLE, 1, 0, 0, 0);
        }
      }
    }
  }

  /** What the child is born with. First of all, since it may need capabilities. */
  private boolean become() {
    if (nice != null && SpawnLibc.setpriority(SpawnLibc.PRIO_PROCESS, 0, nice) < 0) {
      return failed("setpriority for", name);
    }
    if (inheritNoCapabilities) {
      long header = Pointer.nativeValue(capabilityHeader);
      long sets = Pointer.nativeValue(capabilities);
      if (Libc.syscall(SystemCalls.CAPGET, header, sets, 0, 0) < 0) {
        return failed("capget for", name);
      }
      capabilities.setInt(INHERITABLE_LOW, 0);
      capabilities.setInt(INHERITABLE_HIGH, 0);
      if (Libc.syscall(SystemCalls.CAPSET, header, sets, 0, 0) < 0) {
        return failed("capset for", name);
      }
    }
    if (noNewPrivileges && ChildLibc.prctl(ChildLibc.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
      return failed("prctl PR_SET_NO_NEW_PRIVS for", name);
    }
    return true;
  }

  /** The account's, for the file system; root's capabilities there go with its uid. */
  private boolean borrowRights() {
    if (uid == null) {
      return true;
    }
    long list = Pointer.nativeValue(groups);
    if (Libc.syscall(SystemCalls.SETGROUPS, groupCount, list, 0, 0) < 0) {
      return failed("setgroups for", name);
    }
    ourGid = Libc.syscall(SystemCalls.SETFSGID, gid & ALL_BITS, 0, 0, 0);
    ourUid = Libc.syscall(SystemCalls.SETFSUID, uid & ALL_BITS, 0, 0, 0);
    // Neither says whether it worked. Nobody's number changes nothing and tells what is in force.
    boolean borrowed =
        (int) Libc.syscall(SystemCalls.SETFSGID, ALL_BITS, 0, 0, 0) == gid
            && (int) Libc.syscall(SystemCalls.SETFSUID, ALL_BITS, 0, 0, 0) == uid;
    if (!borrowed) {
      errno = Errno.EPERM;
      failedCall = "setfsuid for";
      failedObject = name;
    }
    return borrowed;
  }

  /** The child would keep them. Its uid and gid for the file system become ours when it execs. */
  private boolean takeGroupsBack() {
    long list = Pointer.nativeValue(ourGroups);
    return uid == null
        || Libc.syscall(SystemCalls.SETGROUPS, ourGroupCount, list, 0, 0) == 0
        || failed("setgroups for", name);
  }

  /**
   * Opened rather than entered: a thread has a directory of its own only after unshare(2), which
   * many containers forbid.
   */
  private int openDirectory() {
    if (directory == null) {
      return -1;
    }
    int flags = SpawnLibc.O_PATH | SpawnLibc.O_DIRECTORY | Libc.O_CLOEXEC;
    int opened = SpawnLibc.openat(Libc.AT_FDCWD, directory, flags, 0);
    if (opened < 0) {
      failed("chdir", directoryName + as());
    } else if (!mayAccess(opened, here, Libc.X_OK)) {
      failed("chdir", directoryName + as());
      int unused = Libc.close(opened);
      return -1;
    }
    return opened;
  }

  private boolean isExecutable(int opened) {
    Memory[] candidates = required;
    if (candidates == null) {
      return true;
    }
    int base = opened < 0 ? Libc.AT_FDCWD : opened;
    int worst = Errno.ENOENT;
    for (int i = 0; i < candidates.length; i++) {
      int why = 0;
      if (!mayAccess(base, candidates[i], Libc.X_OK)) {
        why = Libc.errno();
      } else if (mayAccess(base, requiredInside[i], Libc.F_OK)) {
        why = Errno.EACCES; // a directory
      }
      if (why == 0) {
        return true;
      }
      boolean elsewhere = why == Errno.ENOENT || (why == Errno.ENOTDIR && candidates.length > 1);
      worst = elsewhere ? worst : why;
    }
    errno = worst;
    failedCall = "exec";
    failedObject = requiredName + as();
    return false;
  }

  /** With the rights that are in force, for which access(2) would take those of the real uid. */
  private boolean mayAccess(int base, Memory path, int mode) {
    if (uid != null) {
      long at = Pointer.nativeValue(path);
      if (Libc.syscall(SystemCalls.FACCESSAT2, base, at, mode, Libc.AT_EACCESS) == 0) {
        return true;
      }
      int why = Libc.errno();
      if (why != Errno.ENOSYS && why != Errno.EPERM) { // which old filters of containers say
        return false;
      }
    }
    return Libc.faccessat(base, path, mode, 0) == 0;
  }

  private void fork(int opened) {
    Placement descriptors = placement;
    Command what = command;
    if (descriptors == null || what == null) {
      return;
    }
    int result = SpawnLibc.posix_spawn_file_actions_init(actions);
    if (result != 0) {
      errno = result;
      failedCall = "posix_spawn_file_actions_init for";
      failedObject = name;
      return;
    }
    result = SpawnLibc.posix_spawnattr_init(attributes);
    result = result != 0 ? result : addActions(descriptors, opened);
    result = result != 0 ? result : setAttributes();
    if (result == 0) {
      result =
          SpawnLibc.posix_spawn(
              pidResult,
              what.program(),
              actions,
              attributes,
              what.arguments().array(),
              what.environment().array());
    }
    int unused = SpawnLibc.posix_spawn_file_actions_destroy(actions);
    unused = SpawnLibc.posix_spawnattr_destroy(attributes);
    if (result == 0) {
      pid = pidResult.getInt(0);
    } else {
      errno = result;
      failedCall = "posix_spawn";
      failedObject = name;
    }
  }

  private int addActions(Placement descriptors, int opened) {
    int result = 0;
    if (opened >= 0) {
      result = SpawnLibc.posix_spawn_file_actions_addfchdir_np(actions, opened);
    }
    for (int i = 0; i < descriptors.moves().size() && result == 0; i++) {
      Move move = descriptors.moves().get(i);
      result = SpawnLibc.posix_spawn_file_actions_adddup2(actions, move.from(), move.to());
    }
    for (int i = 0; i < descriptors.closed().size() && result == 0; i++) {
      result = SpawnLibc.posix_spawn_file_actions_addclose(actions, descriptors.closed().get(i));
    }
    if (result == 0 && CloseFrom.KNOWN) {
      result = CloseFrom.posix_spawn_file_actions_addclosefrom_np(actions, descriptors.end());
    }
    return result;
  }

  private int setAttributes() {
    short flags =
        SpawnLibc.POSIX_SPAWN_SETSID
            | SpawnLibc.POSIX_SPAWN_SETSIGMASK
            | SpawnLibc.POSIX_SPAWN_SETSIGDEF;
    int result = SpawnLibc.posix_spawnattr_setflags(attributes, flags);
    result = result != 0 ? result : SpawnLibc.posix_spawnattr_setsigmask(attributes, emptySet);
    return result != 0 ? result : SpawnLibc.posix_spawnattr_setsigdefault(attributes, fullSet);
  }

  /** Notes the errno of the call that has just failed. */
  private boolean failed(String call, String object) {
    errno = Libc.errno();
    failedCall = call;
    failedObject = object;
    return false;
  }
}
