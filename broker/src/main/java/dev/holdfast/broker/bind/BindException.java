package dev.holdfast.broker.bind;

import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;

/** A listener could not be bound: on what, the errno's name, and what to do. */
public final class BindException extends Exception {
  private static final long serialVersionUID = 1;

  private final String endpoint;
  private final String errno;

  BindException(String endpoint, String errno, String message) {
    super(message);
    this.endpoint = endpoint;
    this.errno = errno;
  }

  static BindException of(String endpoint, ErrnoException cause) {
    return new BindException(endpoint, cause.errnoName(), cause.getMessage() + advice(cause));
  }

  private static String advice(ErrnoException cause) {
    return switch (cause.errno()) {
      case Errno.EADDRINUSE ->
          ": another process is bound there (ss -ltnp names it); stop it, or choose another port";
      case Errno.EADDRNOTAVAIL ->
          ": no interface of this host has the address; freebind = true binds it all the same";
      case Errno.EACCES ->
          ": ports below net.ipv4.ip_unprivileged_port_start need CAP_NET_BIND_SERVICE, paths need"
              + " write permission on their directory";
      case Errno.EPERM -> ": this option needs CAP_NET_ADMIN or CAP_NET_RAW";
      case Errno.EMFILE -> ": raise RLIMIT_NOFILE of the broker";
      default -> "";
    };
  }

  String endpoint() {
    return endpoint;
  }

  String errno() {
    return errno;
  }
}
