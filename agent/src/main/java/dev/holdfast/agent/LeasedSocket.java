package dev.holdfast.agent;

/**
 * One socket of a lease, as the broker describes it.
 *
 * @param listener the name of its listener
 * @param endpoint what it is bound to: {@code tcp:127.0.0.1:8080}, {@code unix:/path} …
 * @param kind {@code stream}, {@code datagram} or {@code seqpacket}
 * @param multithreaded whether the listener asks for a thread for each connection; a lease that
 *     came through the environment does not tell
 */
public record LeasedSocket(String listener, String endpoint, String kind, boolean multithreaded) {}
