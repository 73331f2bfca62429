package dev.holdfast.broker.testing;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.SocketFacts;
import dev.holdfast.fd.Sockets;
import dev.holdfast.varlink.Answer;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkClient;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Which socket it is, whoever holds it: the kernel gives neither number to another one. */
public record SocketIdentity(String endpoint, long inode, long cookie) {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  /** Of what the broker hands out under this name. */
  public static SocketIdentity of(BrokerProcess broker, String listener)
      throws IOException, VarlinkException {
    JsonObject wanted = JsonObject.of("listeners", List.of(listener), "hold", "connection");
    try (VarlinkClient client = broker.connect();
        Answer granted = client.call("dev.holdfast.Worker.Acquire", wanted, PATIENCE)) {
      SocketIdentity identity = of(granted.descriptors().get(0));
      // A broker that is killed before it sees the end of the connection leaves a lease behind.
      JsonObject lease = JsonObject.of("lease", granted.parameters().string("lease"));
      client.call("dev.holdfast.Worker.Release", lease, PATIENCE).close();
      return identity;
    }
  }

  /** Of all these, by their names. */
  public static Map<String, SocketIdentity> of(BrokerProcess broker, List<String> listeners)
      throws IOException, VarlinkException {
    Map<String, SocketIdentity> all = new LinkedHashMap<>();
    for (String each : listeners) {
      all.put(each, of(broker, each));
    }
    return all;
  }

  public static SocketIdentity of(OwnedFd borrowed) throws IOException {
    SocketFacts facts = Sockets.facts(borrowed);
    Path link = Path.of("/proc/self/fd/" + borrowed.number());
    return new SocketIdentity(
        facts.address(), inode(Files.readSymbolicLink(link).toString()), facts.cookie());
  }

  /** Of the sockets that a process has open. */
  public static Set<Long> inodesOf(int pid) throws IOException {
    Set<Long> inodes = new TreeSet<>();
    try (Stream<Path> open = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      for (Path each : open.toList()) {
        try {
          String target = Files.readSymbolicLink(each).toString();
          if (target.startsWith("socket:")) {
            inodes.add(inode(target));
          }
        } catch (java.nio.file.NoSuchFileException e) {
          // Closed meanwhile.
        }
      }
    }
    return inodes;
  }

  private static long inode(String link) {
    return Long.parseLong(link.replaceAll("[^0-9]", ""));
  }
}
