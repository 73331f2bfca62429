package dev.holdfast.fd;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * The C library's calls that make, limit and end processes; apart from {@link Libc}, so that only
 * who starts processes loads them. The posix_spawn family returns the errno.
 */
final class SpawnLibc {

  static final short POSIX_SPAWN_SETSIGDEF = 0x04;
  static final short POSIX_SPAWN_SETSIGMASK = 0x08;
  static final short POSIX_SPAWN_SETSID = 0x80;

  static final int PRIO_PROCESS = 0;
  static final int O_PATH = 0x200000;
  static final int O_DIRECTORY = OpenFlags.HERE.directory();

  static final int SIGKILL = 9;

  static {
    Native.register(SpawnLibc.class, NativeLibrary.getProcess());
  }

  private SpawnLibc() {}

  static native int posix_spawn(
      Pointer pid, Pointer path, Pointer actions, Pointer attributes, Pointer argv, Pointer envp);

  static native int posix_spawn_file_actions_init(Pointer actions);

  static native int posix_spawn_file_actions_destroy(Pointer actions);

  static native int posix_spawn_file_actions_adddup2(Pointer actions, int from, int to);

  static native int posix_spawn_file_actions_addclose(Pointer actions, int fd);

  static native int posix_spawn_file_actions_addfchdir_np(Pointer actions, int directory);

  static native int posix_spawnattr_init(Pointer attributes);

  static native int posix_spawnattr_destroy(Pointer attributes);

  static native int posix_spawnattr_setflags(Pointer attributes, short flags);

  static native int posix_spawnattr_setsigmask(Pointer attributes, Pointer signals);

  static native int posix_spawnattr_setsigdefault(Pointer attributes, Pointer signals);

  static native int setpriority(int which, int who, int value);

  static native int getgroups(int room, @Nullable Pointer groups);

  static native int openat(int directory, Pointer path, int flags, int mode);

  static native int kill(int pid, int signo);

  static native int prlimit(
      int pid, int resource, @Nullable Pointer limit, @Nullable Pointer previous);

  static native int pipe2(Pointer ends, int flags);
}
