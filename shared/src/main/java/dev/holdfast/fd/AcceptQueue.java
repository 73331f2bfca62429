package dev.holdfast.fd;

/**
 * The kernel's queue of connections that wait for accept(2).
 *
 * @param length how many wait (tcpi_unacked of a listening socket)
 * @param limit the effective backlog, after net.core.somaxconn has capped it (tcpi_sacked)
 * @param drops connections or packets this socket has dropped since it was made (SK_MEMINFO_DROPS)
 */
public record AcceptQueue(int length, int limit, long drops) {}
