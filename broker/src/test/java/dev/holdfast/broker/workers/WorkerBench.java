package dev.holdfast.broker.workers;

import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Launch;
import dev.holdfast.broker.core.Output;
import dev.holdfast.broker.core.ServiceConfig;
import dev.holdfast.broker.core.SocketKind;
import dev.holdfast.broker.core.WorkerExit;
import dev.holdfast.broker.core.WorkerOrder;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.Watcher;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Predicate;

/** Workers on a small loop of their own, which does as the broker's does. */
final class WorkerBench implements Workers.Ground, AutoCloseable {

  private static final Duration PATIENCE = Duration.ofSeconds(5);

  final Poller poller;
  final NotifySockets notify;
  final Workers workers;
  final Observer observer;
  final Outputs outputs;
  final List<Event> events = new ArrayList<>();
  final Map<Long, OwnedFd> sockets = new LinkedHashMap<>();
  final ByteArrayOutputStream printed = new ByteArrayOutputStream(); // under its own monitor
  volatile boolean stderrIsFull;
  ServiceConfig.Stopping stopping = ServiceConfig.Stopping.DEFAULT;
  private final Deque<Event> queued = new ArrayDeque<>();
  private final Queue<Runnable> posted = new ConcurrentLinkedQueue<>();
  private long lastWorker;

  WorkerBench(Path directory) throws Exception {
    poller = Poller.open();
    notify = new NotifySockets(poller, this::event, directory.resolve("notify"));
    outputs = new Outputs(this::print, false, () -> Instant.EPOCH);
    observer = new Observer(this::post, this::event);
    workers =
        new Workers(poller, this, notify, outputs, observer, "/control", OptionalLong.of(777));
  }

  private boolean print(byte[] text, int offset, int length) {
    if (stderrIsFull) {
      return false;
    }
    printed.write(text, offset, length);
    return true;
  }

  @Override
  public void event(Event event) {
    queued.add(event);
  }

  @Override
  public void post(Runnable action) {
    posted.add(action);
    poller.wake();
  }

  @Override
  public Optional<OwnedFd> socket(long id) {
    return Optional.ofNullable(sockets.get(id));
  }

  @Override
  public Instant now() {
    return Instant.now();
  }

  @Override
  public ServiceConfig.Stopping stopping(String service) {
    return stopping;
  }

  private void settle() {
    for (Event event = queued.poll(); event != null; event = queued.poll()) {
      events.add(event);
    }
  }

  /** Turns until it holds. */
  void until(String what, Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + PATIENCE.toNanos();
    settle();
    while (!condition.call()) {
      if (System.nanoTime() > end) {
        throw new AssertionError("not " + what + ": " + events + "; printed: " + printed());
      }
      for (Poller.Ready ready : poller.await(Duration.ofMillis(20))) {
        if (poller.isCurrent(ready)) {
          ((Watcher) ready.attachment()).ready(ready.events());
          settle();
        }
      }
      for (Runnable action = posted.poll(); action != null; action = posted.poll()) {
        action.run();
      }
      settle();
      workers.expire(now());
      workers.reapOrphans(); // what SIGCHLD asks for
      settle();
    }
  }

  /** Turns until such an event has come, and takes it out. */
  <T extends Event> T await(Class<T> kind) throws Exception {
    return await(kind, each -> true);
  }

  <T extends Event> T await(Class<T> kind, Predicate<T> which) throws Exception {
    Predicate<Event> wanted = each -> kind.isInstance(each) && which.test(kind.cast(each));
    until(kind.getSimpleName(), () -> events.stream().anyMatch(wanted));
    Event event = events.stream().filter(wanted).findFirst().orElseThrow();
    events.remove(event);
    return kind.cast(event);
  }

  WorkerExit awaitExit(WorkerOrder order) throws Exception {
    return await(Event.Exited.class, each -> each.worker() == order.worker()).exit();
  }

  int awaitSpawned(WorkerOrder order) throws Exception {
    return await(Event.Spawned.class, each -> each.worker() == order.worker()).pid();
  }

  /** Turns until nothing of any worker is left. */
  void awaitNothingLeft() throws Exception {
    until("all gone", workers::isEmpty);
  }

  String printed() {
    return printed.toString(StandardCharsets.UTF_8);
  }

  /** A listener that workers can be given. */
  Answer.Passed listener(String name) throws Exception {
    long id = sockets.size() + 1L;
    OwnedFd socket = Sockets.open(InetAddress.getLoopbackAddress(), Sockets.Kind.STREAM);
    sockets.put(id, socket);
    Sockets.bind(socket, InetAddress.getLoopbackAddress(), 0, name);
    Sockets.listen(socket, 16, name);
    return new Answer.Passed(
        ListenerName.parse(name), new BoundSocket(id, "it", SocketKind.STREAM, 1), false);
  }

  WorkerOrder order(Launch launch, Answer.Passed... passed) {
    long worker = ++lastWorker;
    return new WorkerOrder(
        worker, "web", new LeaseId("lease-" + UUID.randomUUID()), launch, List.of(passed), 4, null);
  }

  WorkerOrder shell(String script, Answer.Passed... passed) {
    return order(Launch.of(List.of("sh", "-c", script)), passed);
  }

  WorkerOrder python(String script, Answer.Passed... passed) {
    return order(Launch.of(List.of("/usr/bin/env", "python3", "-u", "-c", script)), passed);
  }

  /** A launch with the rest at its default. */
  static Launch launch(List<String> sandbox, String... command) {
    return new Launch(
        List.of(command),
        sandbox,
        null,
        null,
        new TreeMap<>(),
        null,
        List.of(),
        null,
        false,
        new Output.Journal());
  }

  /** As a successor has it: nothing of what it let go is touched again. */
  void letGo() {
    lastWorker = 0;
    workers.letGo();
    notify.letGo();
  }

  /** Starts it, and returns how it ended. */
  WorkerExit run(WorkerOrder order) throws Exception {
    workers.spawn(order);
    return awaitExit(order);
  }

  @Override
  public void close() {
    for (long worker = 1; worker <= Math.max(8, lastWorker); worker++) {
      workers.killWorker(worker); // after a test that failed
    }
    workers.close();
    observer.close();
    notify.close();
    sockets.values().forEach(OwnedFd::close);
    poller.close();
  }
}
