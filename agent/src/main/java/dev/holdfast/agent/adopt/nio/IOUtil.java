package dev.holdfast.agent.adopt.nio;

import java.io.FileDescriptor;
import java.io.IOException;

/** Stands in for {@code sun.nio.ch.IOUtil}. */
final class IOUtil {
  private IOUtil() {}

  static native void configureBlocking(FileDescriptor fd, boolean blocking) throws IOException;

  static native int fdVal(FileDescriptor fd);
}
