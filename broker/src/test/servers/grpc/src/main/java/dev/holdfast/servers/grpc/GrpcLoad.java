package dev.holdfast.servers.grpc;

import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/**
 * Calls a {@link GrpcServer} until its standard input is closed: HOST PORT IN-FLIGHT. Each line
 * that it reads it answers with one line: how many calls were lost, and then for each different
 * answer how often it came, when the first such call began, and when the last ended. Each
 * connection serves some calls, so that a server which ends meets connections that are in the
 * middle of their work.
 */
public final class GrpcLoad {
  private static final int CALLS_OF_CONNECTION = 20;

  private final InetSocketAddress address;
  private final Map<String, Tally> answers = new ConcurrentHashMap<>();
  private final LongAdder lost = new LongAdder();
  private volatile boolean stopped; // the main thread writes, the callers read

  private record Tally(long count, long first, long last) {

    Tally and(Tally other) {
      return new Tally(
          count + other.count, Math.min(first, other.first), Math.max(last, other.last));
    }

    @Override
    public String toString() {
      return count + " " + first + " " + last;
    }
  }

  private GrpcLoad(InetSocketAddress address) {
    this.address = address;
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    GrpcLoad load =
        new GrpcLoad(new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1])));
    List<Thread> callers = new ArrayList<>();
    for (int caller = 0; caller < Integer.parseInt(arguments[2]); caller++) {
      Thread thread = new Thread(load::callAll, "caller-" + caller);
      callers.add(thread);
      thread.start();
    }
    for (int read = System.in.read(); read >= 0; read = System.in.read()) {
      if (read == '\n') {
        System.out.println(load.counts());
      }
    }
    load.stopped = true;
    for (Thread caller : callers) {
      caller.join();
    }
    System.out.println(load.counts());
  }

  private void callAll() {
    while (!stopped) {
      ManagedChannel channel = NettyChannelBuilder.forAddress(address).usePlaintext().build();
      for (int call = 0; call < CALLS_OF_CONNECTION && !stopped; call++) {
        call(channel);
      }
      channel.shutdown();
    }
  }

  private void call(ManagedChannel channel) {
    long began = System.nanoTime();
    try {
      CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS);
      String answer = ClientCalls.blockingUnaryCall(channel, NamingService.NAME, options, "");
      Tally one = new Tally(1, began, System.nanoTime());
      answers.merge(answer.strip(), one, Tally::and);
    } catch (RuntimeException e) {
      lost.increment();
      e.printStackTrace();
    }
  }

  private String counts() {
    StringBuilder line = new StringBuilder().append(lost.sum()).append(" lost");
    new TreeMap<>(answers)
        .forEach((answer, tally) -> line.append("; ").append(tally).append(' ').append(answer));
    return line.toString();
  }
}
