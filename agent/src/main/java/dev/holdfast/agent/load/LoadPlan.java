package dev.holdfast.agent.load;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What a load does. Begin with {@link #against} and change what differs.
 *
 * <p>Without a limit of connections or time, the load goes on until it is stopped.
 *
 * @param target a resolved {@link InetSocketAddress}, or a {@link UnixDomainSocketAddress}
 * @param remoteAllowed whether the target may be another host than this one
 * @param sources the addresses to connect from, in turns; empty: as the kernel chooses
 * @param concurrency how many connections are kept open
 * @param connections how many are tried in all
 * @param lasting how long new ones are begun; null: no such limit
 * @param perSecond how many are begun in a second at most; 0: as many as can be
 * @param exchange what is said on each
 * @param workerName how an answer names its worker
 * @param connectTimeout from connect until the connection stands
 * @param answerTimeout from then until the answer is whole
 */
public record LoadPlan(
    SocketAddress target,
    boolean remoteAllowed,
    List<InetAddress> sources,
    int concurrency,
    long connections,
    @Nullable Duration lasting,
    int perSecond,
    Exchange exchange,
    WorkerName workerName,
    Duration connectTimeout,
    Duration answerTimeout) {

  public LoadPlan {
    Objects.requireNonNull(exchange, "exchange");
    Objects.requireNonNull(workerName, "workerName");
    checkTarget(target, remoteAllowed);
    sources = List.copyOf(sources);
    require(concurrency >= 1, "concurrency must be at least 1: " + concurrency);
    require(connections >= 1, "connections must be at least 1: " + connections);
    require(perSecond >= 0, "perSecond must not be negative: " + perSecond);
    require(lasting == null || positive(lasting), "lasting must be above zero: " + lasting);
    require(positive(connectTimeout), "connectTimeout must be above zero: " + connectTimeout);
    require(positive(answerTimeout), "answerTimeout must be above zero: " + answerTimeout);
  }

  /**
   * Sixty-four connections at a time, GET /, five seconds for each phase, no end.
   *
   * <p>An IPv4 loopback target is reached from 127.0.0.2 to 127.0.0.40 in turns: one source address
   * has only some 28,000 ports, and each may be taken for a minute after its connection.
   *
   * @throws IllegalArgumentException if the target is not on this host's loopback, or not resolved
   */
  public static LoadPlan against(SocketAddress target) {
    return against(target, false);
  }

  /** As {@link #against}, but the target may be anywhere: ask its owner before you do this. */
  public static LoadPlan againstRemote(SocketAddress target) {
    return against(target, true);
  }

  private static LoadPlan against(SocketAddress target, boolean remoteAllowed) {
    return new LoadPlan(
        target,
        remoteAllowed,
        sourcesFor(target),
        64,
        Long.MAX_VALUE,
        null,
        0,
        Exchange.http("/"),
        WorkerName.standard(),
        Duration.ofSeconds(5),
        Duration.ofSeconds(5));
  }

  /** With no addresses the kernel chooses. */
  public LoadPlan withSources(List<InetAddress> some) {
    return new LoadPlan(
        target,
        remoteAllowed,
        some,
        concurrency,
        connections,
        lasting,
        perSecond,
        exchange,
        workerName,
        connectTimeout,
        answerTimeout);
  }

  public LoadPlan withConcurrency(int open) {
    return new LoadPlan(
        target,
        remoteAllowed,
        sources,
        open,
        connections,
        lasting,
        perSecond,
        exchange,
        workerName,
        connectTimeout,
        answerTimeout);
  }

  public LoadPlan withConnections(long inAll) {
    return new LoadPlan(
        target,
        remoteAllowed,
        sources,
        concurrency,
        inAll,
        lasting,
        perSecond,
        exchange,
        workerName,
        connectTimeout,
        answerTimeout);
  }

  public LoadPlan withLasting(Duration time) {
    return new LoadPlan(
        target,
        remoteAllowed,
        sources,
        concurrency,
        connections,
        time,
        perSecond,
        exchange,
        workerName,
        connectTimeout,
        answerTimeout);
  }

  public LoadPlan withPerSecond(int atMost) {
    return new LoadPlan(
        target,
        remoteAllowed,
        sources,
        concurrency,
        connections,
        lasting,
        atMost,
        exchange,
        workerName,
        connectTimeout,
        answerTimeout);
  }

  public LoadPlan withExchange(Exchange said) {
    return new LoadPlan(
        target,
        remoteAllowed,
        sources,
        concurrency,
        connections,
        lasting,
        perSecond,
        said,
        workerName,
        connectTimeout,
        answerTimeout);
  }

  public LoadPlan withWorkerName(WorkerName name) {
    return new LoadPlan(
        target,
        remoteAllowed,
        sources,
        concurrency,
        connections,
        lasting,
        perSecond,
        exchange,
        name,
        connectTimeout,
        answerTimeout);
  }

  public LoadPlan withTimeouts(Duration connect, Duration answer) {
    return new LoadPlan(
        target,
        remoteAllowed,
        sources,
        concurrency,
        connections,
        lasting,
        perSecond,
        exchange,
        workerName,
        connect,
        answer);
  }

  private static void checkTarget(SocketAddress target, boolean remoteAllowed) {
    if (target instanceof UnixDomainSocketAddress) {
      return;
    }
    if (!(target instanceof InetSocketAddress inet)) {
      throw new IllegalArgumentException("neither a TCP nor a Unix-domain address: " + target);
    }
    require(!inet.isUnresolved(), "the target's name is not resolved: " + inet);
    require(inet.getPort() > 0, "the target has no port: " + inet);
    require(
        remoteAllowed || inet.getAddress().isLoopbackAddress(),
        "a load against " + inet + " leaves this host, and that was not allowed");
  }

  private static List<InetAddress> sourcesFor(SocketAddress target) {
    if (target instanceof InetSocketAddress inet
        && inet.getAddress() instanceof Inet4Address address
        && address.isLoopbackAddress()) {
      return IntStream.rangeClosed(2, 40).mapToObj(LoadPlan::loopback).toList();
    }
    return List.of();
  }

  private static InetAddress loopback(int last) {
    try {
      return InetAddress.getByAddress(new byte[] {127, 0, 0, (byte) last});
    } catch (UnknownHostException impossible) {
      throw new IllegalStateException("four bytes are an address", impossible);
    }
  }

  private static boolean positive(Duration time) {
    return !time.isNegative() && !time.isZero();
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(otherwise);
    }
  }
}
