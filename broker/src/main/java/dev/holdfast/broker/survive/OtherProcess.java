package dev.holdfast.broker.survive;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeSet;

/**
 * A process as /proc shows it (proc(5)). One that has ended meanwhile has nothing, and that is no
 * failure.
 */
record OtherProcess(int pid) {

  private static final String SOCKET = "socket:[";

  /** Is shown each socket; says whether it wants more. */
  interface Sight {
    boolean more(int descriptor, long inode);
  }

  /** Whose rights the process has. */
  record Ids(int uid, int gid, List<Integer> groups) {}

  /** All that can be seen, in order; those that begin meanwhile may be missing. */
  static List<OtherProcess> all() throws IOException {
    TreeSet<Integer> pids = new TreeSet<>();
    try (DirectoryStream<Path> entries =
        Files.newDirectoryStream(Path.of("/proc"), each -> isNumber(name(each)))) {
      entries.forEach(each -> pids.add(Integer.valueOf(name(each))));
    } catch (DirectoryIteratorException e) {
      throw requireNonNull(e.getCause());
    }
    return pids.stream().map(OtherProcess::new).toList();
  }

  private static String name(Path path) {
    return String.valueOf(path.getFileName());
  }

  private static boolean isNumber(String text) {
    return text.length() < 10 && text.chars().allMatch(c -> c >= '0' && c <= '9');
  }

  /**
   * Shows its sockets, in the order of the descriptors' numbers, and looks no further than is
   * wanted: a listener has a low number, and behind it there may be 100,000 connections.
   *
   * @throws AccessDeniedException when we may not look
   */
  void sockets(Sight sight) throws IOException {
    try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(path("fd"))) {
      for (Path each : descriptors) {
        OptionalLong inode = socketOf(each);
        if (inode.isPresent() && !sight.more(Integer.parseInt(name(each)), inode.getAsLong())) {
          return;
        }
      }
    } catch (DirectoryIteratorException e) {
      unlessGone(requireNonNull(e.getCause()));
    } catch (NoSuchFileException | NotDirectoryException e) {
      // it has ended
    } catch (AccessDeniedException e) {
      throw e;
    } catch (IOException e) {
      unlessGone(e);
    }
  }

  private void unlessGone(IOException e) throws IOException {
    if (Files.exists(path("stat"))) {
      throw e;
    }
  }

  private static OptionalLong socketOf(Path descriptor) throws AccessDeniedException {
    try {
      String link = Files.readSymbolicLink(descriptor).toString();
      return link.startsWith(SOCKET)
          ? OptionalLong.of(Long.parseLong(link, SOCKET.length(), link.length() - 1, 10))
          : OptionalLong.empty();
    } catch (AccessDeniedException e) {
      throw e;
    } catch (IOException e) {
      return OptionalLong.empty(); // closed since it was listed
    }
  }

  Path path(String file) {
    return Path.of("/proc/" + pid + "/" + file);
  }

  /** Empty when it is gone, or hidden. */
  Optional<Ids> ids() {
    int uid = -1;
    int gid = -1;
    List<Integer> groups = List.of();
    for (String line : lines("status")) {
      if (line.startsWith("Uid:")) {
        uid = numbers(line).get(1); // real, effective, saved, of the file system
      } else if (line.startsWith("Gid:")) {
        gid = numbers(line).get(1);
      } else if (line.startsWith("Groups:")) {
        groups = numbers(line);
      }
    }
    return uid == -1 || gid == -1 ? Optional.empty() : Optional.of(new Ids(uid, gid, groups));
  }

  private static List<Integer> numbers(String line) {
    List<Integer> result = new ArrayList<>();
    for (String word : line.substring(line.indexOf(':') + 1).strip().split("\\s+", -1)) {
      if (!word.isEmpty()) {
        result.add(Integer.parseUnsignedInt(word));
      }
    }
    return result;
  }

  private List<String> lines(String file) {
    try {
      return Files.readAllLines(path(file), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return List.of();
    }
  }

  /** {@code pid 4711 (nginx)}. */
  String describe() {
    List<String> comm = lines("comm");
    // The name is the program's choice, and this goes to a log.
    String name = comm.isEmpty() ? "" : comm.get(0).replaceAll("[^ -~]", "?");
    return "pid " + pid + (name.isEmpty() ? "" : " (" + name + ")");
  }
}
