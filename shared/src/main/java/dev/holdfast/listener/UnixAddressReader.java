package dev.holdfast.listener;

import dev.holdfast.fd.UnixAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** Reads the path or the abstract name that ends a listen spec. */
final class UnixAddressReader {

  private UnixAddressReader() {}

  static UnixAddress read(SpecText text) throws InvalidSpecException {
    String rest = text.rest();
    boolean named = rest.startsWith("@");
    if (!named && !rest.startsWith("/")) {
      throw text.fault(
          "write a path that starts with '/', or '@' and a name of the abstract namespace");
    }
    String name = named ? rest.substring(1) : rest;
    if (name.isEmpty()) {
      throw text.faultAt(text.length(), "a name is missing after '@'");
    }
    int length = name.getBytes(StandardCharsets.UTF_8).length;
    if (length >= UnixAddress.ROOM) {
      String what = named ? "the name" : "the path";
      throw text.fault(what + " has " + length + " bytes; the kernel takes 107");
    }
    return named ? new UnixAddress.Abstract(name) : path(text, rest);
  }

  private static UnixAddress path(SpecText text, String path) throws InvalidSpecException {
    if (path.endsWith("/")) {
      throw text.faultAt(text.length() - 1, "the path ends in '/'; a socket is not a directory");
    }
    try {
      return new UnixAddress.Path(Path.of(path));
    } catch (InvalidPathException e) {
      throw text.fault("this process's locale has no file names of this kind; set LC_ALL=C.UTF-8");
    }
  }
}
