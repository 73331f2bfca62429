package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** All children of this process, also those that it inherited. Any thread. */
public final class Children {

  private Children() {}

  /**
   * Descendants whose parent ends become our children rather than those of process 1
   * (PR_SET_CHILD_SUBREAPER, prctl(2)). Not inherited by children.
   */
  public static void becomeSubreaper() throws ErrnoException {
    if (ChildLibc.prctl(ChildLibc.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
      throw ErrnoException.last("prctl", "PR_SET_CHILD_SUBREAPER");
    }
  }

  /**
   * The pid of a child that has ended and is not reaped, or 0. It is the same one each time until
   * that is reaped.
   */
  public static int peekEnded() {
    try (Memory info = new Memory(ChildLibc.SIGINFO_SIZE)) {
      boolean hasChildren = waitNow(ChildLibc.P_ALL, 0, ChildLibc.WNOWAIT, info); // else ECHILD
      return hasChildren ? info.getInt(ChildLibc.SI_PID) : 0;
    }
  }

  /**
   * The pids of all children that have ended and are not reaped, in no order: also those behind one
   * that is kept unreaped, which {@link #peekEnded} never gets past. Reads the state of every
   * process of the host, when there is one at all: the kernel's own list of children is optional
   * (CONFIG_PROC_CHILDREN).
   */
  public static List<Integer> allEnded() {
    int first = peekEnded();
    if (first == 0) {
      return List.of();
    }
    List<Integer> ended = new ArrayList<>();
    String us = Integer.toString(Libc.getpid());
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[1-9]*")) {
      for (Path process : processes) {
        if (isEndedChild(process, us)) {
          ended.add(Integer.valueOf(process.getFileName().toString()));
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      System.getLogger(Children.class.getName()).log(System.Logger.Level.DEBUG, "no /proc", e);
    }
    return ended.isEmpty() ? List.of(first) : ended;
  }

  /** proc_pid_stat(5): after the name in brackets, which may have any byte, state and parent. */
  private static boolean isEndedChild(Path process, String parent) {
    try {
      byte[] bytes = Files.readAllBytes(process.resolve("stat"));
      String stat = new String(bytes, StandardCharsets.ISO_8859_1);
      return stat.startsWith("Z " + parent + " ", stat.lastIndexOf(')') + 2);
    } catch (IOException e) {
      return false; // gone meanwhile
    }
  }

  /** Reaps a child that has ended; nothing happens to one that runs or is not ours. */
  public static void reap(int pid) {
    try (Memory info = new Memory(ChildLibc.SIGINFO_SIZE)) {
      waitFor(ChildLibc.P_PID, pid, 0, info, "pid " + pid);
    } catch (ErrnoException e) {
      System.getLogger(Children.class.getName()).log(System.Logger.Level.DEBUG, "not our child", e);
    }
  }

  /** Blocks until the child has ended, which the caller has seen to. */
  static void awaitAndReap(int pid) {
    try (Memory status = new Memory(4)) {
      while (Libc.waitpid(pid, status, 0) < 0 && Libc.errno() == Errno.EINTR) {}
    }
  }

  /** waitid(2) for the end of a child, without blocking; the pid in the result is 0 for none. */
  static void waitFor(int kind, int id, int options, Memory info, String object)
      throws ErrnoException {
    if (!waitNow(kind, id, options, info)) {
      throw ErrnoException.last("waitid", object);
    }
  }

  /** As {@link #waitFor}; false when it failed, and errno says why. */
  private static boolean waitNow(int kind, int id, int options, Memory info) {
    info.clear();
    int flags = ChildLibc.WEXITED | Libc.WNOHANG | options;
    while (ChildLibc.waitid(kind, id, info, flags) < 0) {
      if (Libc.errno() != Errno.EINTR) {
        return false;
      }
    }
    return true;
  }
}
