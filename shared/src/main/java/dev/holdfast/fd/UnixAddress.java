package dev.holdfast.fd;

import java.nio.charset.StandardCharsets;

/** The address of a Unix socket: a path, or a name in the abstract namespace (unix(7)). */
public sealed interface UnixAddress {

  /** Room in sockaddr_un.sun_path; a path needs one byte of it for its NUL. */
  int ROOM = 108;

  record Path(java.nio.file.Path path) implements UnixAddress {
    public Path {
      int length = path.toString().getBytes(StandardCharsets.UTF_8).length;
      if (length == 0 || length >= ROOM) {
        throw new IllegalArgumentException(
            "Unix socket path \""
                + path
                + "\" has "
                + length
                + " bytes; the kernel takes 1 to 107");
      }
    }

    @Override
    public String toString() {
      return path.toString();
    }
  }

  record Abstract(String name) implements UnixAddress {
    public Abstract {
      int length = name.getBytes(StandardCharsets.UTF_8).length;
      if (length == 0 || length >= ROOM) {
        throw new IllegalArgumentException(
            "abstract socket name \""
                + name
                + "\" has "
                + length
                + " bytes; the kernel takes 1 to 107");
      }
    }

    @Override
    public String toString() {
      return "@" + name;
    }
  }

  /** Reads {@code /path} or {@code @name}. */
  static UnixAddress parse(String text) {
    return text.startsWith("@")
        ? new Abstract(text.substring(1))
        : new Path(java.nio.file.Path.of(text));
  }
}
