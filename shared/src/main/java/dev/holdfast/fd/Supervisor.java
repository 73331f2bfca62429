package dev.holdfast.fd;

import com.sun.jna.Memory;
import java.nio.charset.StandardCharsets;

/**
 * Tells whoever supervises this process how it is, as sd_notify(3) does: one datagram to
 * $NOTIFY_SOCKET.
 */
public final class Supervisor {

  private Supervisor() {}

  /**
   * Sends lines such as {@code READY=1}; does nothing when the address is empty. Does not wait for
   * a supervisor that does not read.
   *
   * @param address the value of NOTIFY_SOCKET: a path, or {@code @} and an abstract name
   */
  public static void tell(String address, String lines) throws ErrnoException {
    if (address.isEmpty()) {
      return;
    }
    int type = Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK;
    int number = Libc.socket(Libc.AF_UNIX, type, 0);
    if (number < 0) {
      throw ErrnoException.last("socket", "NOTIFY_SOCKET");
    }
    byte[] text = lines.getBytes(StandardCharsets.UTF_8);
    try (OwnedFd fd = OwnedFd.own(number);
        Memory bytes = new Memory(text.length)) {
      SocketAddresses.Encoded encoded = SocketAddresses.encode(UnixAddress.parse(address));
      bytes.write(0, text, 0, text.length);
      if (Libc.connect(fd.number(), encoded.memory(), encoded.length()) < 0
          || Libc.send(fd.number(), bytes, text.length, Libc.MSG_NOSIGNAL) < 0) {
        throw ErrnoException.last("send to NOTIFY_SOCKET", address);
      }
    }
  }
}
