package dev.holdfast.fd;

import java.io.IOException;

/**
 * The kernel delivered fewer descriptors than the peer sent (MSG_CTRUNC, recvmsg(2)): more than
 * fit, or this process is at its RLIMIT_NOFILE. Those that did arrive have been closed.
 */
public final class TruncatedDescriptorsException extends IOException {
  private static final long serialVersionUID = 1;

  TruncatedDescriptorsException(int arrived) {
    super(
        "recvmsg: the descriptors of a message were cut short (MSG_CTRUNC); the "
            + arrived
            + " that arrived were closed. Is this process at its limit of open files?");
  }
}
