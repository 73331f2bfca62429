package dev.holdfast.broker;

import dev.holdfast.broker.bind.HostAddresses;
import dev.holdfast.broker.bind.ListenerSockets;
import dev.holdfast.broker.config.ConfigException;
import dev.holdfast.broker.config.Configuration;
import dev.holdfast.broker.config.Problem;
import dev.holdfast.broker.control.Closing;
import dev.holdfast.broker.control.Connections;
import dev.holdfast.broker.control.ControlSocket;
import dev.holdfast.broker.control.Lookups;
import dev.holdfast.broker.control.Methods;
import dev.holdfast.broker.control.Operator;
import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.BindOrder;
import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.BrokerConfig;
import dev.holdfast.broker.core.BrokerState;
import dev.holdfast.broker.core.Caller;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.Notice;
import dev.holdfast.broker.core.Performer;
import dev.holdfast.broker.core.Refusal;
import dev.holdfast.broker.core.ServiceConfig;
import dev.holdfast.broker.core.WorkerOrder;
import dev.holdfast.broker.loop.Loop;
import dev.holdfast.broker.loop.ProcessWatches;
import dev.holdfast.broker.loop.Timed;
import dev.holdfast.broker.survive.AdoptException;
import dev.holdfast.broker.survive.Journal;
import dev.holdfast.broker.survive.RunningServer;
import dev.holdfast.broker.survive.SocketHolders;
import dev.holdfast.broker.survive.SupervisorStore;
import dev.holdfast.broker.workers.NotifySockets;
import dev.holdfast.broker.workers.Observer;
import dev.holdfast.broker.workers.Outputs;
import dev.holdfast.broker.workers.Workers;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.Poller;
import dev.holdfast.fd.Sockets;
import dev.holdfast.fd.StandardError;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The floors, wired. Owns what they own; {@link #run} is the life of the broker. */
final class Broker implements Performer, Operator, AutoCloseable {

  private final Identity identity;
  private final Settings settings;
  private final Log log;
  private final Clock clock = Clock.systemUTC();
  private final Poller poller;
  private final BrokerState state;
  private final Loop loop;
  private final HostAddresses addresses = new HostAddresses();
  private final ListenerSockets sockets;
  private final ProcessWatches processes;
  private final Connections connections;
  private final NotifySockets notify;
  private final Observer observer;
  private final Outputs outputs;
  private final Workers workers;
  private final QuietTime quietTime = new QuietTime();
  private final Memory memory;
  private final Lookups lookups = new Lookups();
  private final Methods methods;
  private Optional<String> startFailure = Optional.empty();
  private Optional<Configuration> startedWith = Optional.empty();
  private boolean started;
  private final Succession succession;
  private final Restoration restoration;
  private boolean left;
  private boolean guest; // all that we have is still another broker's

  /**
   * What the broker found when it started.
   *
   * @param journal whether systemd's journal reads standard error
   * @param openFiles the limit in force before the broker raised it: workers start with it
   * @param notifySockets where the notify sockets of workers are
   * @param memory the file of the journal; empty for none
   * @param supervisor keeps descriptors for the next broker, if it does
   * @param words the command line
   */
  record Host(
      boolean journal,
      long openFiles,
      Path notifySockets,
      Optional<Path> memory,
      SupervisorStore supervisor,
      List<String> words) {
    Host {
      words = List.copyOf(words);
    }
  }

  /**
   * Wires a broker. Ownership of the control socket moves here.
   *
   * @throws IOException when the kernel has no descriptors left for it
   */
  Broker(Identity identity, Settings settings, ControlSocket moved, Log log, Host host)
      throws IOException {
    this.identity = identity;
    this.settings = settings;
    this.log = log;
    this.poller = Poller.open();
    // Lease ids of one broker must not be taken for those of another: its start, in base 36, comes
    // first.
    this.state =
        new BrokerState(identity.uid(), Long.toString(identity.started().toEpochMilli(), 36) + "-");
    this.loop = new Loop(poller, state, clock::instant);
    this.sockets = new ListenerSockets(addresses, poller, this::ofSockets, clock::instant);
    this.processes = new ProcessWatches(poller, loop::event);
    this.connections =
        new Connections(moved, poller, state, loop::event, clock::instant, new Closing());
    this.notify = new NotifySockets(poller, loop::event, host.notifySockets());
    this.observer = new Observer(loop::post, loop::event);
    this.outputs = new Outputs(new StandardError()::write, host.journal(), clock::instant);
    this.workers =
        new Workers(
            poller,
            new WorkersGround(),
            notify,
            outputs,
            observer,
            identity.socket(),
            OptionalLong.of(host.openFiles()));
    this.methods =
        new Methods(connections, sockets, state, loop, this, addresses, lookups, this::openNotify);
    this.memory =
        new Memory(
            state,
            host.memory(),
            identity.socket(),
            host.supervisor(),
            sockets::descriptor,
            id -> methods.stored().get(id),
            problem -> loop.event(new Event.Warned(null, problem)),
            clock::instant);
    Floors floors =
        new Floors(
            state,
            loop,
            poller,
            sockets,
            processes,
            moved,
            connections,
            notify,
            observer,
            outputs,
            workers,
            methods);
    this.restoration = new Restoration(floors, identity.uid());
    this.succession = new Succession(identity, host.words(), floors, lookups, clock::instant);
  }

  /** A port that somebody else has: who that is helps more than the number of an error. */
  private void ofSockets(Event event) {
    if (event instanceof Event.BindFailed failed && failed.failure().errno().equals("EADDRINUSE")) {
      Refusal.BindFailed failure = failed.failure();
      Optional<String> holder = SocketHolders.ofEndpoint(failure.endpoint());
      if (holder.isPresent()) {
        loop.event(
            new Event.BindFailed(
                failed.transaction(),
                new Refusal.BindFailed(
                    failure.name(),
                    failure.endpoint(),
                    failure.errno(),
                    failure.message() + "; it is held by " + holder.get())));
        return;
      }
    }
    loop.event(event);
  }

  /**
   * Binds what is configured, and opens the control socket.
   *
   * @return why it cannot start, if a listener cannot be bound
   */
  Optional<String> start(Configuration configuration) throws IOException {
    prepare(configuration).accept(BrokerState.NOBODY);
    loop.settle(this);
    started = true;
    if (startFailure.isEmpty()) {
      memory.begin(Journal.Content.NONE);
      methods.open();
    }
    log.flush();
    return startFailure;
  }

  /**
   * Takes over what there is of another broker, and does not act yet: until {@link #resume} that
   * one may still be the broker.
   *
   * @param moved the descriptors in it; what is of no use is closed
   */
  void inherit(Inheritance moved, Configuration configuration) throws IOException {
    guest = moved.handedOver;
    BrokerConfig config = settings.merge(configuration);
    config.listeners().values().forEach(each -> addresses.resolve(each.spec()));
    restoration.begin(moved, config, addresses::resolve);
    loop.settle(this);
    restoration.adoptPeers();
    log.flush();
  }

  /** This is the broker now: acts on what it took over, and follows the configuration as it is. */
  void resume(Configuration configuration) throws IOException {
    guest = false;
    started = true;
    restoration.end();
    loop.event(new Event.Resumed());
    loop.settle(this);
    restoration.sweep();
    memory.begin(restoration.content());
    prepare(configuration).accept(BrokerState.NOBODY);
    loop.settle(this);
    methods.open();
    restoration.tellUpgraders(identity.pid(), clock.instant());
    restoration.forget();
    log.flush();
  }

  /** Serves until {@link #shutDown} has come to its end. */
  void run() throws IOException {
    List<Timed> timed =
        List.of(
            timed(sockets::nextDeadline, sockets::expire),
            timed(workers::nextDeadline, workers::expire),
            connections,
            log,
            quietTime,
            memory,
            succession);
    loop.run(this, timed, this::beforeWaiting);
  }

  /** For a floor that must not know of the loop. */
  private static Timed timed(Supplier<Optional<Instant>> next, Consumer<Instant> expire) {
    return new Timed() {
      @Override
      public Optional<Instant> nextDeadline() {
        return next.get();
      }

      @Override
      public void expire(Instant now) {
        expire.accept(now);
      }
    };
  }

  /** What the workers stand on. */
  private final class WorkersGround implements Workers.Ground {
    @Override
    public void event(Event event) {
      loop.event(event);
    }

    @Override
    public void post(Runnable action) {
      loop.post(action);
    }

    @Override
    public Optional<OwnedFd> socket(long id) {
      return sockets.descriptor(id);
    }

    @Override
    public Instant now() {
      return clock.instant();
    }

    @Override
    public ServiceConfig.Stopping stopping(String service) {
      return state.stopping(service);
    }

    @Override
    public boolean isToEnd(long worker) {
      return restoration.isToEnd(worker);
    }
  }

  /** Children of ours have ended; from any thread. */
  void reap() {
    loop.post(workers::reapOrphans);
  }

  private void beforeWaiting() {
    connections.registerFresh();
    loop.settle(this);
  }

  /**
   * Stops the services, and makes {@link #run} return when they have; the second time their workers
   * are killed. From any thread.
   */
  void shutDown() {
    // Nothing outlives process 1 of a pid namespace (pid_namespaces(7)).
    loop.post(() -> loop.event(new Event.ShutDown(identity.pid() == 1)));
  }

  /** Has the loop run something; from any thread. */
  void post(Runnable action) {
    loop.post(action);
  }

  /** Reads the configuration anew, as SIGHUP asks; from any thread. */
  void reload() {
    reload(BrokerState.NOBODY);
  }

  // ---- Operator

  @Override
  public void reload(long connection) {
    lookups
        .executor()
        .execute(
            () -> {
              try {
                Consumer<Long> ready = prepare(settings.read());
                loop.post(() -> ready.accept(connection));
              } catch (ConfigException e) {
                loop.post(() -> refuseReload(connection, e));
              } catch (RuntimeException e) {
                loop.post(
                    () -> {
                      String problem = "internal error, please report it: " + e;
                      methods.reloadFailed(connection, "", 0, problem);
                      loop.event(new Event.Warned(null, "reload refused: " + problem));
                    });
              }
            });
  }

  /**
   * Looks up what may block; the result, on the loop's thread, hands the configuration to the
   * state.
   */
  private Consumer<Long> prepare(Configuration configuration) {
    BrokerConfig config = settings.merge(configuration);
    config.listeners().values().forEach(each -> addresses.resolve(each.spec()));
    return connection -> {
      sockets.auditEvery(config.limits().auditEvery());
      if (!startedWith.isPresent()) {
        startedWith = Optional.of(configuration);
      } else if (!configuration.hasControlSocketOf(startedWith.get())) {
        loop.event(
            new Event.Warned(
                null, "[broker] socket, state, mode, owner and group are taken at the next start"));
      }
      for (Problem warning : configuration.warnings()) {
        loop.event(new Event.Warned(null, warning.toString()));
      }
      loop.event(new Event.Configured(connection, config));
    };
  }

  private void refuseReload(long connection, ConfigException problem) {
    Problem first = problem.problems().get(0);
    StringBuilder message = new StringBuilder(first.message());
    for (Problem other : problem.problems().subList(1, problem.problems().size())) {
      message.append("; ").append(other);
    }
    methods.reloadFailed(connection, first.file(), first.line(), message.toString());
    for (Problem each : problem.problems()) {
      loop.event(new Event.Warned(null, "reload refused, nothing changed: " + each));
    }
  }

  @Override
  public Identity identity() {
    return identity;
  }

  // ---- Performer

  @Override
  public void answer(long connection, Answer answer) {
    if (connection != BrokerState.NOBODY) {
      memory.settled(); // a broker that is killed has told nobody what the next one does not know
      methods.answers().answer(connection, answer);
    } else if (answer instanceof Answer.Refused refused) {
      String reason = describe(refused.refusal());
      if (started) {
        loop.event(new Event.Warned(null, "reload refused, nothing changed: " + reason));
      } else {
        startFailure = Optional.of(reason);
      }
    }
  }

  private static String describe(Refusal refusal) {
    if (refusal instanceof Refusal.BindFailed failed) {
      return "listener " + failed.name() + ": " + failed.message();
    }
    if (refusal instanceof Refusal.ReloadFailed failed) {
      return failed.message();
    }
    if (refusal instanceof Refusal.Conflict conflict) {
      return "listener "
          + conflict.name()
          + ": its endpoint or name belongs to listener "
          + conflict.heldBy();
    }
    return refusal.toString();
  }

  @Override
  public void bind(long transaction, List<BindOrder> orders) {
    sockets.bind(transaction, orders);
  }

  @Override
  public void closeSocket(long socket) {
    sockets.closeSocket(socket);
  }

  @Override
  public void startListening(long socket, int backlog) {
    sockets.startListening(socket, backlog);
  }

  @Override
  public void refuse(long socket) {
    sockets.refuse(socket);
  }

  @Override
  public void heal(long socket) {
    sockets.heal(socket);
  }

  @Override
  public void applySettings(long socket, ListenerConfig config) {
    sockets.applySettings(socket, config);
  }

  @Override
  public void audit(long socket, boolean on) {
    sockets.audit(socket, on);
  }

  @Override
  public void follow(LeaseId lease, long connection) {
    Optional<Pidfd> pidfd = connections.takePidfd(connection);
    if (pidfd.isPresent()) {
      processes.follow(lease, pidfd.get());
    } else {
      loop.event(new Event.Undelivered(lease));
    }
  }

  @Override
  public void unfollow(LeaseId lease) {
    processes.unfollow(lease);
  }

  @Override
  public void discardDescriptor(long descriptor) {
    methods.answers().discard(descriptor);
  }

  // ---- services

  @Override
  public void spawn(WorkerOrder order) {
    workers.spawn(order);
  }

  @Override
  public void stopWorker(long worker, int signal) {
    memory.settled(); // that it is to stop, before it is frozen for that: whoever follows thaws it
    workers.stopWorker(worker, signal);
  }

  @Override
  public void killWorker(long worker) {
    workers.killWorker(worker);
  }

  @Override
  public void askOutput(long worker) {
    workers.askOutput(worker);
  }

  @Override
  public void stopHolder(LeaseId lease, int signal) {
    memory.settled();
    Optional<Pidfd> holder = processes.dup(lease);
    if (holder.isPresent()) {
      observer.stop(
          holder.get(),
          0,
          signal,
          sockets(state.socketsOf(lease)),
          problem -> loop.event(new Event.Warned(null, problem)),
          () -> loop.event(new Event.Asked(lease)));
    }
  }

  @Override
  public void observe(LeaseId lease, int pid, List<Long> observed) {
    observer.observe(lease, pid, sockets(observed));
  }

  private List<OwnedFd> sockets(List<Long> ids) {
    return ids.stream().map(sockets::descriptor).flatMap(Optional::stream).toList();
  }

  @Override
  public void unobserve(LeaseId lease) {
    observer.unobserve(lease);
  }

  @Override
  public void closeNotify(LeaseId lease) {
    notify.close(lease);
  }

  private Optional<String> openNotify(LeaseId lease, int uid) {
    try {
      return Optional.of(notify.open(lease, uid));
    } catch (IOException e) {
      loop.event(
          new Event.Warned(
              null, "lease " + lease.value() + " gets no NOTIFY_SOCKET: " + e.getMessage()));
      return Optional.empty();
    }
  }

  @Override
  public void awaitConnection(long socket, boolean on) {
    sockets.awaitConnection(socket, on);
  }

  @Override
  public void countOpen(String service, List<Long> counted, List<Long> listeners) {
    List<Integer> pids =
        counted.stream().map(workers::pid).flatMapToInt(OptionalInt::stream).boxed().toList();
    observer.countOpen(service, pids, sockets(listeners));
  }

  @Override
  public void forgetService(String service) {
    workers.forgetService(service);
  }

  @Override
  public void finish() {
    loop.stop();
  }

  // ---- another life

  @Override
  public void followAgain(LeaseId lease, boolean thaw) {
    restoration.followAgain(lease, thaw);
  }

  @Override
  public void adoptWorker(WorkerOrder order, boolean thaw) {
    restoration.adoptWorker(order, thaw);
  }

  @Override
  public void takeOffered(
      long descriptor, ListenerName name, BoundSocket socket, ListenerConfig config) {
    restoration.takeOffered(descriptor, name, socket, config);
  }

  @Override
  public void settled() {
    memory.settled();
  }

  @Override
  public void log(Notice notice) {
    quietTime.decided(notice.at());
    log.notice(notice);
  }

  // ---- a successor

  @Override
  public void adopt(Adoption wanted) {
    lookups
        .executor()
        .execute(
            () -> {
              try {
                RunningServer.Server server =
                    RunningServer.look(wanted.pid(), wanted.port(), wanted.endpoint());
                loop.post(() -> adopt(wanted, server));
              } catch (AdoptException e) {
                loop.post(() -> adoptFailed(wanted, e.getMessage()));
              } catch (RuntimeException e) {
                loop.post(() -> adoptFailed(wanted, "internal error, please report it: " + e));
              }
            });
  }

  private void adopt(Adoption wanted, RunningServer.Server server) {
    BoundSocket socket;
    ListenerConfig config;
    try {
      if (wanted.nonBlocking() && !server.nonBlocking()) {
        Sockets.setNonBlocking(server.socket(), true);
      }
      config = AdoptedServer.config(server, wanted.nonBlocking());
      addresses.resolve(config.spec());
      socket = sockets.adopt(wanted.name(), config, server.socket());
    } catch (IOException e) {
      server.close();
      adoptFailed(wanted, e.getMessage());
      return;
    }
    connections.keepPidfd(wanted.caller().connection(), server.pidfd());
    Caller holder =
        new Caller(
            wanted.caller().connection(),
            wanted.pid(),
            server.uid(),
            server.gid(),
            server.groups());
    loop.event(
        new Event.Adopted(
            wanted.caller(),
            wanted.name(),
            config,
            socket,
            holder,
            wanted.service(),
            wanted.stopSignal()));
  }

  private void adoptFailed(Adoption wanted, @Nullable String reason) {
    methods.adoptFailed(wanted.caller().connection(), wanted.pid(), String.valueOf(reason));
  }

  @Override
  public void upgrade(long connection, Optional<Path> program) {
    succession.upgrade(connection, program);
  }

  @Override
  public void handover(long connection, List<Integer> formats) {
    succession.handover(connection, connections.pid(connection), formats);
  }

  /** The pid of the broker that is in our place; empty while we are the broker. */
  OptionalInt successor() {
    return succession.successor();
  }

  /**
   * Closes everything without a trace: another broker has it, or still has it. Nothing is asked to
   * stop, and no path is removed.
   */
  void letGo() {
    left = true;
    memory.letGo();
    notify.letGo();
    connections.letGo();
    workers.letGo();
    observer.close();
    sockets.letGo();
    processes.close();
    methods.closeStored();
    restoration.end();
    poller.close();
    log.flush();
  }

  /**
   * Gives up the control socket first, so that a successor can have it, then the rest. Workers keep
   * their sockets.
   */
  @Override
  public void close() throws IOException {
    if (left) {
      return;
    }
    if (guest) {
      letGo();
      return;
    }
    Set<ListenerName> stillHeld = memory.end();
    notify.close(); // while its directory, which goes by the control socket's name, is ours alone
    try {
      connections.close();
    } finally {
      workers.close();
      observer.close();
      sockets.closeExcept(stillHeld);
      processes.close();
      methods.closeStored();
      restoration.end();
      poller.close();
      log.flush();
    }
  }
}
