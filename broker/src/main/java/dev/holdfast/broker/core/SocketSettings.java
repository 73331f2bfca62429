package dev.holdfast.broker.core;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Options of a listening socket; null leaves the kernel's default.
 *
 * @param deferAccept TCP_DEFER_ACCEPT: a connection is not handed to a worker before its first
 *     byte, for at most this long
 * @param fastOpen the queue length of TCP_FASTOPEN
 * @param mode of a Unix path, as in chmod
 * @param uid owner of a Unix path
 * @param gid group of a Unix path
 */
public record SocketSettings(
    @Nullable Boolean v6only,
    boolean freebind,
    @Nullable String device,
    @Nullable Duration deferAccept,
    @Nullable Integer fastOpen,
    @Nullable Boolean keepalive,
    @Nullable Integer receiveBuffer,
    @Nullable Integer sendBuffer,
    @Nullable Integer mark,
    @Nullable Integer mode,
    @Nullable Integer uid,
    @Nullable Integer gid) {

  public static final SocketSettings DEFAULT =
      new SocketSettings(null, false, null, null, null, null, null, null, null, null, null, null);
}
