package dev.holdfast.broker.survive;

import dev.holdfast.broker.core.Account;
import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Caller;
import dev.holdfast.broker.core.Companion;
import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Hold;
import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.Launch;
import dev.holdfast.broker.core.LeaseState;
import dev.holdfast.broker.core.Link;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.Output;
import dev.holdfast.broker.core.Principal;
import dev.holdfast.broker.core.ReadyWhen;
import dev.holdfast.broker.core.ResourceLimit;
import dev.holdfast.broker.core.ServiceConfig;
import dev.holdfast.broker.core.SocketKind;
import dev.holdfast.broker.core.SocketProof;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.broker.core.WorkerState;
import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Entries in which every member has some value or none. */
final class RandomEntries {

  private static final List<String> SPECS =
      List.of(
          "8080",
          "-rp,127.0.0.1:80/90",
          "udp:[::1]:53",
          "unix:/run/x y.sock",
          "seqpacket:@é",
          "0",
          "0W",
          "example.org:https",
          "[fe80::1%eth0]:1");

  private final Random random;
  private long numbers = 1;

  RandomEntries(long seed) {
    random = new Random(seed);
  }

  Entry any() {
    return switch (random.nextInt(6)) {
      case 0 -> new Entry.OfBroker(random.nextLong());
      case 1 -> listener("l" + random.nextInt(100));
      case 2 -> service(text(), names());
      case 3 -> lease(id(), names(), random.nextInt(3), random.nextInt());
      case 4 -> worker(numbers++, text(), id(), random.nextInt());
      default -> new Entry.OfDeposit(text(), text(), random.nextInt(), numbers++);
    };
  }

  Link link() {
    return new Link(random.nextLong(), maybe(this::id), random.nextBoolean(), maybe(this::text));
  }

  /** About {@code count} entries of which each stands on others that are there. */
  List<Entry> state(int count) {
    List<Entry> entries = new ArrayList<>();
    entries.add(new Entry.OfBroker(count));
    for (int i = 0; i < 3; i++) {
      entries.add(listener("l" + i));
    }
    List<ListenerName> two = List.of(new ListenerName("l0"), new ListenerName("l2"));
    entries.add(service("shop", two));
    List<Entry> workers = new ArrayList<>();
    for (int i = 1; entries.size() + workers.size() < count; i++) {
      LeaseId lease = new LeaseId("lease" + i);
      boolean supervised = i % 3 == 0;
      entries.add(lease(lease, two, supervised ? i : 0, 1000 + i));
      if (supervised) {
        workers.add(worker(i, "shop", lease, 1000 + i));
      }
    }
    entries.addAll(workers);
    entries.add(new Entry.OfDeposit("memory", "file", 1000, 7));
    return entries;
  }

  Entry.OfListener listener(String name) {
    BoundSocket socket = maybe(this::socket);
    return new Entry.OfListener(
        new ListenerName(name),
        listenerConfig(),
        random.nextBoolean(),
        socket,
        socket == null ? null : maybe(this::socket),
        random.nextInt(3),
        random.nextInt(3),
        random.nextInt());
  }

  Entry.OfService service(String name, List<ListenerName> names) {
    ServiceConfig running = config(names);
    return new Entry.OfService(
        name,
        running,
        random.nextBoolean() ? running : config(names),
        random.nextInt(100),
        random.nextInt(100),
        random.nextInt(100),
        random.nextBoolean(),
        random.nextBoolean(),
        random.nextBoolean(),
        moment(),
        random.nextInt(3),
        Optional.ofNullable(maybe(this::moment)),
        random.nextInt(3),
        maybe(this::text),
        maybe(
            () ->
                new Entry.RolloutUnderWay(
                    random.nextInt(),
                    config(names),
                    random.nextBoolean(),
                    Optional.ofNullable(maybe(this::duration)),
                    moment())),
        random.nextBoolean(),
        random.nextBoolean(),
        maybe(this::text));
  }

  Entry.OfLease lease(LeaseId id, List<ListenerName> names, long worker, int pid) {
    return new Entry.OfLease(
        id,
        new Event.Acquire(
            new Caller(
                random.nextLong(), random.nextInt(), random.nextInt(), random.nextInt(), numbers()),
            names,
            one(Hold.values()),
            maybe(this::text),
            random.nextBoolean(),
            random.nextBoolean(),
            random.nextInt(3)),
        worker,
        pid,
        one(new LeaseState[] {LeaseState.WARMING, LeaseState.READY, LeaseState.DRAINING}),
        Optional.ofNullable(maybe(this::moment)),
        moment(),
        random.nextBoolean(),
        random.nextBoolean(),
        List.of());
  }

  Entry.OfWorker worker(long number, String service, LeaseId lease, int pid) {
    return new Entry.OfWorker(
        number,
        service,
        random.nextInt(),
        config(names()),
        lease,
        moment(),
        pid,
        one(WorkerState.values()),
        Optional.ofNullable(maybe(this::moment)),
        random.nextBoolean(),
        random.nextBoolean(),
        random.nextBoolean(),
        maybe(this::text),
        maybe(this::text));
  }

  private BoundSocket socket() {
    return new BoundSocket(
        numbers++,
        text(),
        one(SocketKind.values()),
        random.nextInt(65536),
        random.nextBoolean()
            ? SocketProof.NONE
            : new SocketProof(
                random.nextLong(),
                random.nextLong(),
                maybe(
                    () -> new SocketProof.PathProof(text(), random.nextInt(), random.nextInt()))));
  }

  private ListenerConfig listenerConfig() {
    try {
      return new ListenerConfig(
          ListenSpec.parse(SPECS.get(random.nextInt(SPECS.size()))),
          random.nextInt(),
          random.nextBoolean(),
          one(IdlePolicy.values()),
          one(
              new Companion[] {
                new Companion.None(),
                new Companion.AbstractName(),
                new Companion.InDirectory(Path.of("/run/a b"))
              }),
          List.of(
              new Principal.User(random.nextInt()),
              new Principal.Group(random.nextInt()),
              new Principal.Everybody()),
          random.nextBoolean() ? SocketSettings.DEFAULT : settings());
    } catch (InvalidSpecException e) {
      throw new IllegalStateException(e);
    }
  }

  private SocketSettings settings() {
    return new SocketSettings(
        maybe(random::nextBoolean),
        random.nextBoolean(),
        maybe(this::text),
        maybe(this::duration),
        maybe(random::nextInt),
        maybe(random::nextBoolean),
        maybe(random::nextInt),
        maybe(random::nextInt),
        maybe(random::nextInt),
        maybe(random::nextInt),
        maybe(random::nextInt),
        maybe(random::nextInt));
  }

  private ServiceConfig config(List<ListenerName> names) {
    return new ServiceConfig(
        launch(),
        names,
        random.nextInt(),
        new ServiceConfig.Readiness(one(ReadyWhen.values()), duration(), duration()),
        new ServiceConfig.Stopping(random.nextInt(65), duration()),
        new ServiceConfig.Restarts(random.nextInt(), duration(), duration()),
        random.nextInt(),
        maybe(this::duration),
        maybe(this::duration));
  }

  private Launch launch() {
    SortedMap<String, String> environment = new TreeMap<>();
    for (int i = random.nextInt(3); i > 0; i--) {
      environment.put(text(), text());
    }
    return new Launch(
        List.of(text(), text()),
        random.nextBoolean() ? List.of() : List.of(text()),
        maybe(
            () ->
                new Account(text(), random.nextInt(), random.nextInt(), numbers(), text(), text())),
        maybe(() -> Path.of("/srv/" + random.nextInt())),
        environment,
        maybe(random::nextInt),
        random.nextBoolean()
            ? List.of()
            : List.of(
                new ResourceLimit(
                    one(ResourceLimit.Resource.values()), random.nextLong(), random.nextLong())),
        maybe(random::nextInt),
        random.nextBoolean(),
        random.nextBoolean() ? new Output.Journal() : new Output.ToFile(Path.of("/var/log/a")));
  }

  private List<ListenerName> names() {
    return random.nextBoolean()
        ? List.of()
        : List.of(new ListenerName("a@" + random.nextInt(9)), new ListenerName("_b.-"));
  }

  private LeaseId id() {
    return new LeaseId("x" + Long.toHexString(random.nextLong()));
  }

  private List<Integer> numbers() {
    return random.ints(random.nextInt(3)).boxed().toList();
  }

  private Instant moment() {
    return Instant.ofEpochSecond(random.nextInt(), random.nextInt(1_000_000_000));
  }

  private Duration duration() {
    return random.nextInt(20) == 0
        ? Duration.ofSeconds(Long.MAX_VALUE)
        : Duration.ofNanos(Math.abs(random.nextLong() >> random.nextInt(60)));
  }

  private String text() {
    return switch (random.nextInt(5)) {
      case 0 -> "";
      case 1 -> "two\nlines \"quoted\" \\ \u0000\u001f";
      case 2 -> "ünïcödé \uD83D\uDE00 \u2028";
      default -> "text" + random.nextInt(1000);
    };
  }

  private <T> T one(T[] values) {
    return values[random.nextInt(values.length)];
  }

  private <T> @Nullable T maybe(Supplier<T> value) {
    return random.nextBoolean() ? value.get() : null;
  }
}
