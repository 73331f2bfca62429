package dev.holdfast.agent.adopt.nio;

import java.io.FileDescriptor;
import java.io.IOException;
import java.nio.file.Path;

/** Stands in for {@code sun.nio.ch.UnixDomainSockets}. */
final class UnixDomainSockets {
  private UnixDomainSockets() {}

  static native void bind(FileDescriptor fd, Path path) throws IOException;

  static native int accept(FileDescriptor fd, FileDescriptor accepted, String[] peer)
      throws IOException;
}
