package dev.holdfast.broker.control;

import dev.holdfast.broker.bind.HostAddresses;
import dev.holdfast.broker.bind.ListenerSockets;
import dev.holdfast.broker.core.BrokerState;
import dev.holdfast.broker.core.Caller;
import dev.holdfast.broker.core.Companion;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Hold;
import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.Offered;
import dev.holdfast.broker.core.Principal;
import dev.holdfast.broker.core.Refusal;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.broker.core.WrittenPrincipal;
import dev.holdfast.broker.loop.Loop;
import dev.holdfast.fd.Accounts;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.fd.ProcessStart;
import dev.holdfast.fd.Signals;
import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.DeclaredDescriptors;
import dev.holdfast.varlink.DescriptorQueue;
import dev.holdfast.varlink.InterfaceDescription;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.Reply;
import dev.holdfast.varlink.VarlinkException;
import java.io.File;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;

/**
 * The table of methods: a call goes in, an event or an answer comes out. The .varlink texts say
 * what is in the table.
 */
public final class Methods implements Connections.Calls {

  /** One method of one interface. */
  private interface Handler {
    void handle(Connection connection, JsonObject parameters, DescriptorQueue descriptors)
        throws VarlinkException, IOException;
  }

  private record Method(
      InterfaceDescription description,
      InterfaceDescription.MethodDescription signature,
      boolean needsMore,
      boolean takesDescriptors,
      Handler handler) {}

  private static final String SERVICE = "org.varlink.service";
  private static final int SIGTERM = 15;
  private static final int MOST_ABOVE = 32;
  static final String WORKER = "dev.holdfast.Worker";
  private static final String CONTROL = "dev.holdfast.Control";

  private final Map<String, InterfaceDescription> interfaces = new TreeMap<>();
  private final Map<String, Method> methods = new LinkedHashMap<>();
  private final Connections connections;
  private final StoredDescriptors stored;
  private final BrokerState state;
  private final Loop loop;
  private final Operator operator;
  private final HostAddresses addresses;
  private final Lookups lookups;
  private final Answers answers;

  /** Fills the table. */
  public Methods(
      Connections connections,
      ListenerSockets sockets,
      BrokerState state,
      Loop loop,
      Operator operator,
      HostAddresses addresses,
      Lookups lookups,
      NotifyAddresses notify) {
    this.connections = connections;
    this.stored = new StoredDescriptors(connections.closing());
    this.state = state;
    this.loop = loop;
    this.operator = operator;
    this.addresses = addresses;
    this.lookups = lookups;
    this.answers = new Answers(connections, sockets, stored, notify, loop::event);
    for (String name : List.of(SERVICE, WORKER, CONTROL)) {
      interfaces.put(name, InterfaceDescription.loadResource(name));
    }
    add(SERVICE, "GetInfo", this::info);
    add(SERVICE, "GetInterfaceDescription", this::describe);
    add(WORKER, "Acquire", this::acquire);
    add(WORKER, "Ready", (who, what, none) -> event(new Event.Ready(who.caller(), lease(what))));
    add(
        WORKER,
        "Release",
        (who, what, none) -> event(new Event.Release(who.caller(), lease(what))));
    add(WORKER, "Await", this::await);
    addMethod(WORKER, "Store", false, true, this::store);
    add(WORKER, "Retrieve", this::retrieve);
    addMethod(WORKER, "Restore", false, true, this::restore);
    add(CONTROL, "Listen", this::listen);
    add(
        CONTROL,
        "Close",
        (who, what, none) -> event(new Event.Close(who.caller(), listenerName(what, "name"))));
    add(CONTROL, "List", (who, what, none) -> event(new Event.ListAll(who.caller())));
    addMethod(
        CONTROL, "Watch", true, false, (who, what, none) -> event(new Event.Watch(who.caller())));
    add(CONTROL, "Drain", this::drain);
    add(CONTROL, "Restart", (who, what, none) -> event(ServiceCalls.restart(who.caller(), what)));
    add(CONTROL, "Scale", (who, what, none) -> event(ServiceCalls.scale(who.caller(), what)));
    add(CONTROL, "Stop", (who, what, none) -> event(ServiceCalls.stop(who.caller(), what)));
    add(CONTROL, "Start", (who, what, none) -> event(ServiceCalls.start(who.caller(), what)));
    add(CONTROL, "Reload", this::reload);
    add(CONTROL, "Adopt", this::adopt);
    add(CONTROL, "Upgrade", this::upgrade);
    add(CONTROL, "Handover", this::handover);
    add(CONTROL, "Status", this::status);
  }

  private void add(String interfaceName, String member, Handler handler) {
    addMethod(interfaceName, member, false, false, handler);
  }

  private void addMethod(
      String interfaceName,
      String member,
      boolean needsMore,
      boolean takesDescriptors,
      Handler handler) {
    InterfaceDescription description = interfaces.get(interfaceName);
    if (description == null) {
      throw new IllegalArgumentException(interfaceName);
    }
    methods.put(
        interfaceName + "." + member,
        new Method(
            description,
            description.method(member).orElseThrow(),
            needsMore,
            takesDescriptors,
            handler));
  }

  /** Begins to take connections. */
  public void open() throws ErrnoException {
    connections.open(this);
  }

  /** Where the answers of the state go. */
  public Answers answers() {
    return answers;
  }

  /** What callers stored or brought back; ours. */
  public StoredDescriptors stored() {
    return stored;
  }

  /** Closes what callers stored. */
  public void closeStored() {
    stored.close();
  }

  @Override
  public void act(Connection connection, Call call, DescriptorQueue descriptors)
      throws IOException {
    try {
      Method method = methods.get(call.method());
      if (method == null) {
        descriptors.requireEmpty();
        throw interfaces.containsKey(call.interfaceName())
            ? VarlinkException.methodNotFound(call.method())
            : VarlinkException.interfaceNotFound(call.interfaceName());
      }
      if (!method.takesDescriptors() || call.oneway()) {
        descriptors.requireEmpty();
      }
      if (call.upgrade()) {
        throw VarlinkException.methodNotImplemented(call.method());
      }
      if (method.needsMore() && !call.more()) {
        throw VarlinkException.expectedMore();
      }
      method.description().check(method.signature().in(), call.parameters());
      // Of a Restore whose lease was followed already.
      connection.takePidfd().ifPresent(Pidfd::close);
      if (connection.continuation() != null && !call.method().equals(WORKER + ".Acquire")) {
        connection.continueWith(null);
      }
      method.handler().handle(connection, call.parameters(), descriptors);
    } catch (VarlinkException e) {
      descriptors.close(); // of a call that takes some, and was refused before it did
      Answers.error(connection, e);
    }
  }

  private void event(Event event) {
    loop.event(event);
  }

  // ---- org.varlink.service

  private void info(Connection connection, JsonObject parameters, DescriptorQueue none) {
    boolean unused =
        connection.reply(
            Reply.of(
                JsonObject.builder()
                    .put("vendor", "dev.holdfast")
                    .put("product", "Holdfast")
                    .put("version", operator.identity().version())
                    .put("url", "https://holdfast.dev/")
                    .put("interfaces", List.copyOf(interfaces.keySet()))
                    .build()),
            List.of());
  }

  private void describe(Connection connection, JsonObject parameters, DescriptorQueue none)
      throws VarlinkException {
    String name = parameters.string("interface");
    InterfaceDescription description = interfaces.get(name);
    if (description == null) {
      throw VarlinkException.interfaceNotFound(name);
    }
    boolean unused =
        connection.reply(Reply.of(JsonObject.of("description", description.text())), List.of());
  }

  // ---- dev.holdfast.Worker

  private void acquire(Connection connection, JsonObject parameters, DescriptorQueue none)
      throws VarlinkException {
    Continuation rest = connection.continuation();
    if (rest != null
        && rest.request().equals(parameters)
        && state.hasLease(rest.lease())) { // it may have been revoked between the parts
      answers.grant(connection, parameters, rest.lease(), rest.rest(), false);
      return;
    }
    connection.continueWith(null);
    List<String> texts = parameters.strings("listeners");
    List<ListenerName> names = new ArrayList<>(texts.size());
    for (String text : texts) {
      names.add(listenerName(text, "listeners"));
    }
    Optional<String> service = parameters.optionalString("service");
    if (service.isPresent() && !ServiceCalls.isName(service.get())) {
      throw VarlinkException.invalidParameter("service");
    }
    Hold hold =
        parameters.optionalString("hold").orElse("process").equals("process")
            ? Hold.PROCESS
            : Hold.CONNECTION;
    boolean program = parameters.bool("notify", false);
    int stopSignal = stopSignal(parameters);
    if (hold == Hold.CONNECTION && (program || stopSignal != 0)) { // no process is followed
      throw VarlinkException.invalidParameter(program ? "notify" : "stopSignal");
    }
    if (hold == Hold.PROCESS && !preparePidfd(connection)) {
      return;
    }
    event(
        new Event.Acquire(
            connection.caller(),
            names,
            hold,
            service.orElse(null),
            parameters.bool("replace", false),
            program,
            stopSignal));
  }

  /** Has what a lease can follow; else the connection is closed, since nobody is behind it. */
  private static boolean preparePidfd(Connection connection) throws VarlinkException {
    try {
      if (connection.preparePidfd()) {
        return true;
      }
    } catch (ErrnoException e) {
      throw Wire.error(WORKER, new Refusal.LimitReached("openFiles", descriptorLimit()));
    }
    connection.close("the process that connected is gone");
    return false;
  }

  /** Its number, or 0 for none. */
  private static int stopSignal(JsonObject parameters) throws VarlinkException {
    Optional<String> name = parameters.optionalString("stopSignal");
    try {
      return name.isPresent() ? Signals.number(name.get()) : 0;
    } catch (IllegalArgumentException e) {
      throw VarlinkException.invalidParameter("stopSignal");
    }
  }

  private void await(Connection connection, JsonObject parameters, DescriptorQueue none)
      throws VarlinkException {
    Call call = connection.call();
    event(new Event.Await(connection.caller(), lease(parameters), call != null && call.more()));
  }

  private void store(Connection connection, JsonObject parameters, DescriptorQueue descriptors)
      throws VarlinkException, IOException {
    String name = listenerName(parameters, "name").value();
    List<OwnedFd> taken = descriptors.takeExactly(DeclaredDescriptors.count(parameters));
    // The interface's text has made sure that exactly one is declared.
    OwnedFd fd = taken.get(0);
    String kind;
    try {
      kind = StoredDescriptors.kind(fd);
    } catch (IOException e) {
      connections.closing().close(fd);
      throw e;
    }
    event(new Event.Store(connection.caller(), name, kind, stored.keep(fd)));
  }

  private void retrieve(Connection connection, JsonObject parameters, DescriptorQueue none)
      throws VarlinkException {
    String name = listenerName(parameters, "name").value();
    event(new Event.Retrieve(connection.caller(), name, parameters.bool("remove", false)));
  }

  private void restore(Connection connection, JsonObject parameters, DescriptorQueue descriptors)
      throws VarlinkException, IOException {
    LeaseId lease = lease(parameters);
    if (!state.hasLease(lease)) { // before anything is looked at for it
      throw Wire.error(WORKER, new Refusal.NoSuchLease(lease.value()));
    }
    List<JsonObject> sockets = parameters.objects("sockets");
    List<ListenerName> names = new ArrayList<>(sockets.size());
    for (JsonObject socket : sockets) {
      names.add(listenerName(socket.string("listener"), "sockets"));
    }
    if (!preparePidfd(connection)) {
      return;
    }
    // Each socket declares one descriptor, as the interface's text has made sure.
    List<OwnedFd> taken = descriptors.takeExactly(DeclaredDescriptors.count(parameters));
    List<Offered> offered = new ArrayList<>(taken.size());
    for (int i = 0; i < sockets.size(); i++) {
      JsonObject socket = sockets.get(i);
      OwnedFd fd = taken.get((int) socket.integer(DeclaredDescriptors.INDEX));
      offered.add(
          OfferedSockets.look(names.get(i), stored.keep(fd), fd, socket.string("endpoint")));
    }
    Caller caller = connection.caller();
    event(new Event.Restore(caller, above(caller.pid()), lease, offered));
  }

  private static Set<Integer> above(int pid) {
    Set<Integer> above = new HashSet<>();
    for (int each = ProcessStart.parent(pid); each > 0 && above.size() < MOST_ABOVE; ) {
      above.add(each);
      each = ProcessStart.parent(each);
    }
    return above;
  }

  private static LeaseId lease(JsonObject parameters) throws VarlinkException {
    try {
      return new LeaseId(parameters.string("lease"));
    } catch (IllegalArgumentException e) {
      throw VarlinkException.invalidParameter("lease");
    }
  }

  private static ListenerName listenerName(JsonObject parameters, String member)
      throws VarlinkException {
    return listenerName(parameters.string(member), member);
  }

  private static ListenerName listenerName(String text, String member) throws VarlinkException {
    try {
      return ListenerName.parse(text);
    } catch (IllegalArgumentException e) {
      throw VarlinkException.invalidParameter(member);
    }
  }

  // ---- dev.holdfast.Control

  private void listen(Connection connection, JsonObject parameters, DescriptorQueue none)
      throws VarlinkException {
    Caller caller = connection.caller();
    ListenerName name = listenerName(parameters, "name");
    if (!state.mayControl(caller)) { // before anything is looked up for it
      throw Wire.error(CONTROL, new Refusal.NotPermitted(name.value(), "listen"));
    }
    ListenSpec spec;
    try {
      spec = ListenSpec.parse(parameters.string("spec"));
    } catch (InvalidSpecException e) {
      throw new VarlinkException(
          CONTROL + ".InvalidSpec",
          JsonObject.of("spec", e.spec(), "position", e.position(), "message", e.reason()));
    }
    long backlog = parameters.optionalInteger("backlog").orElse(ListenerConfig.DEFAULT_BACKLOG);
    if (backlog < 1 || backlog > 65_535) {
      throw VarlinkException.invalidParameter("backlog");
    }
    List<WrittenPrincipal> allow = new ArrayList<>();
    for (String who : parameters.optionalStrings("allow").orElse(List.of())) {
      allow.add(
          WrittenPrincipal.parse(who)
              .orElseThrow(() -> VarlinkException.invalidParameter("allow")));
    }
    Runnable finish = () -> listen(connection, name, spec, (int) backlog, parameters, allow);
    boolean byName = allow.stream().anyMatch(WrittenPrincipal::needsLookup);
    if (byName || HostAddresses.needsLookup(spec)) {
      lookups
          .executor()
          .execute(
              () -> {
                try {
                  addresses.resolve(spec);
                  finish.run();
                } catch (RuntimeException e) {
                  loop.post(() -> connection.close("internal error, please report it: " + e));
                }
              });
    } else {
      finish.run();
    }
  }

  /**
   * On the loop's thread, or on the one for lookups when names are to be resolved; the event is the
   * loop's in any case.
   */
  private void listen(
      Connection connection,
      ListenerName name,
      ListenSpec spec,
      int backlog,
      JsonObject parameters,
      List<WrittenPrincipal> allow) {
    List<Principal> principals = new ArrayList<>();
    for (WrittenPrincipal who : allow) {
      Optional<Principal> principal = who.resolve(Accounts::uid, Accounts::gid);
      if (principal.isEmpty()) {
        loop.post(() -> Answers.error(connection, VarlinkException.invalidParameter("allow")));
        return;
      }
      principals.add(principal.get());
    }
    ListenerConfig config =
        new ListenerConfig(
            spec,
            backlog,
            parameters.bool("blocking", false),
            idle(parameters),
            parameters.bool("companion", false)
                ? new Companion.AbstractName()
                : new Companion.None(),
            principals,
            SocketSettings.DEFAULT);
    Event event = new Event.Listen(connection.caller(), name, config);
    loop.post(() -> loop.event(event));
  }

  private static IdlePolicy idle(JsonObject parameters) {
    String word = parameters.optionalString("idle").orElse("queue");
    for (IdlePolicy policy : IdlePolicy.values()) {
      if (policy.word().equals(word)) {
        return policy;
      }
    }
    throw new IllegalStateException("the interface's text lets idle be " + word);
  }

  private void drain(Connection connection, JsonObject parameters, DescriptorQueue none)
      throws VarlinkException {
    Optional<Instant> deadline;
    try {
      deadline =
          parameters
              .optionalString("deadlineUsec")
              .map(text -> Instant.EPOCH.plus(Long.parseLong(text), ChronoUnit.MICROS));
    } catch (ArithmeticException | NumberFormatException | java.time.DateTimeException e) {
      throw VarlinkException.invalidParameter("deadlineUsec");
    }
    event(new Event.Drain(connection.caller(), lease(parameters), deadline));
  }

  private void reload(Connection connection, JsonObject parameters, DescriptorQueue none)
      throws VarlinkException {
    if (!state.mayControl(connection.caller())) {
      throw Wire.error(CONTROL, new Refusal.NotPermitted("", "reload"));
    }
    operator.reload(connection.id());
  }

  /**
   * Tells who asked for a reload that the file cannot be used; nobody, when the connection is gone.
   */
  public void reloadFailed(long connection, String file, int line, String message) {
    connections
        .find(connection)
        .ifPresent(waiting -> Answers.error(waiting, Wire.reloadFailed(file, line, message)));
  }

  private void adopt(Connection connection, JsonObject parameters, DescriptorQueue none)
      throws VarlinkException {
    Caller caller = connection.caller();
    ListenerName name = listenerName(parameters, "name");
    if (!state.mayControl(caller)) { // before anything is looked at for it
      throw Wire.error(CONTROL, new Refusal.NotPermitted(name.value(), "adopt"));
    }
    int pid = (int) within(parameters.integer("pid"), 1, Integer.MAX_VALUE, "pid");
    OptionalLong port = parameters.optionalInteger("port");
    String service = parameters.optionalString("service").orElse(name.value());
    if (!ServiceCalls.isName(service)) {
      throw VarlinkException.invalidParameter("service");
    }
    int stopSignal = stopSignal(parameters);
    operator.adopt(
        new Operator.Adoption(
            caller,
            name,
            pid,
            port.isPresent()
                ? OptionalInt.of((int) within(port.getAsLong(), 1, 65_535, "port"))
                : OptionalInt.empty(),
            parameters.optionalString("endpoint"),
            service,
            stopSignal == 0 ? SIGTERM : stopSignal,
            parameters.bool("nonBlocking", false)));
  }

  private static long within(long value, long least, long most, String parameter)
      throws VarlinkException {
    if (value < least || value > most) {
      throw VarlinkException.invalidParameter(parameter);
    }
    return value;
  }

  /** Tells who wanted a process adopted why it was not; nobody, when the connection is gone. */
  public void adoptFailed(long connection, int pid, String reason) {
    fail(connection, "AdoptFailed", JsonObject.of("pid", pid, "reason", reason));
  }

  private void upgrade(Connection connection, JsonObject parameters, DescriptorQueue none)
      throws VarlinkException {
    requireOwn(connection.caller(), "upgrade");
    Optional<Path> program = Optional.empty();
    Optional<String> text = parameters.optionalString("program");
    if (text.isPresent()) {
      program = Optional.of(program(text.get()));
    }
    operator.upgrade(connection.id(), program);
  }

  private static Path program(String text) throws VarlinkException {
    try {
      Path path = Path.of(text);
      if (path.isAbsolute()) {
        return path;
      }
    } catch (InvalidPathException e) {
      // Not a path: the same as one that is not absolute.
    }
    throw VarlinkException.invalidParameter("program");
  }

  /** Not for those who were given rights: who may do this has all that the broker has. */
  private void requireOwn(Caller caller, String right) throws VarlinkException {
    if (caller.uid() != 0 && caller.uid() != operator.identity().uid()) {
      throw Wire.error(CONTROL, new Refusal.NotPermitted("", right));
    }
  }

  /**
   * Tells who waits for an upgrade what it has done: each step to one who wants more, {@link
   * Operator.UpgradeStep#DONE} to any, as the last.
   *
   * @param pid of the other broker; 0 before it is started
   */
  public void upgradeStep(
      long connection, Operator.UpgradeStep step, int pid, String message, Instant at) {
    Optional<Connection> found = connections.find(connection);
    Call call = found.map(Connection::call).orElse(null);
    boolean last = step == Operator.UpgradeStep.DONE;
    if (found.isEmpty() || call == null || (!last && !call.more())) {
      return;
    }
    JsonObject parameters = JsonObject.of("step", Wire.upgradeStep(step, pid, message, at));
    boolean unused =
        found.get().reply(last ? Reply.of(parameters) : Reply.continued(parameters), List.of());
  }

  /** Tells who waits for an upgrade why it failed; nobody, when the connection is gone. */
  public void upgradeFailed(long connection, String reason) {
    fail(connection, "UpgradeFailed", JsonObject.of("reason", reason));
  }

  private void handover(Connection connection, JsonObject parameters, DescriptorQueue none)
      throws VarlinkException {
    requireOwn(connection.caller(), "handover");
    if (!parameters.string("step").equals("begin")) { // the others go by a Conversation
      throw new VarlinkException(
          CONTROL + ".HandoverFailed",
          JsonObject.of("reason", "none is under way on this connection"));
    }
    List<Integer> formats = new ArrayList<>();
    if (parameters.has("formats")) {
      for (Object format : parameters.list("formats")) {
        formats.add((int) within((Long) format, 1, Integer.MAX_VALUE, "formats"));
      }
    }
    operator.handover(connection.id(), formats);
  }

  /** Tells a successor that asks why it gets nothing; nobody, when the connection is gone. */
  public void handoverFailed(long connection, String reason) {
    fail(connection, "HandoverFailed", JsonObject.of("reason", reason));
  }

  private void fail(long connection, String error, JsonObject parameters) {
    connections
        .find(connection)
        .ifPresent(
            waiting ->
                Answers.error(waiting, new VarlinkException(CONTROL + "." + error, parameters)));
  }

  private void status(Connection connection, JsonObject parameters, DescriptorQueue none)
      throws VarlinkException {
    if (!state.mayControl(connection.caller())) {
      throw Wire.error(CONTROL, new Refusal.NotPermitted("", "list"));
    }
    String[] open = new File("/proc/self/fd").list();
    boolean unused =
        connection.reply(
            Reply.of(
                operator
                    .identity()
                    .status()
                    .put("listeners", state.listenerCount())
                    .put("leases", state.leaseCount())
                    .put("stored", state.storedCount())
                    .put("connections", connections.count())
                    // The listing's own descriptor is one of them.
                    .put("openDescriptors", open == null ? 0 : open.length - 1)
                    .put("descriptorLimit", descriptorLimit())
                    .put("somaxconn", ListenerSockets.somaxconn())
                    .build()),
            List.of());
  }

  private static int descriptorLimit() {
    try {
      return (int) Math.min(Integer.MAX_VALUE, Limits.openFiles().soft());
    } catch (ErrnoException e) {
      return 0; // getrlimit(2) on oneself cannot fail; nothing to tell if it does
    }
  }
}
