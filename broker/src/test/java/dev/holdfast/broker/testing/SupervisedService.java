package dev.holdfast.broker.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.broker.testing.BrokerProcess.Events;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A service of a broker, as its operator sees it. */
public final class SupervisedService {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** Some changes have no event, as a worker's status. */
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(50);

  private final BrokerProcess broker;
  private final String name;

  /**
   * One of its workers.
   *
   * @param pid 0 until there is a process
   * @param state starting, ready or stopping
   */
  public record Member(
      String worker, String lease, int pid, int generation, String state, Optional<String> status) {

    private static Member of(JsonObject each) {
      return new Member(
          each.string("worker"),
          each.string("lease"),
          (int) each.optionalInteger("pid").orElse(0),
          (int) each.integer("generation"),
          each.string("state"),
          each.optionalString("status"));
    }

    public boolean is(String wanted) {
      return state.equals(wanted);
    }
  }

  /** What is known of it at one moment. */
  public record View(
      String state,
      int workers,
      int ready,
      int generation,
      long restarts,
      boolean changed,
      Optional<String> message,
      Optional<String> nextStartUsec,
      List<Member> members) {

    public List<Member> members(String state) {
      return members.stream().filter(each -> each.is(state)).toList();
    }

    public Set<Integer> pids() {
      return members.stream()
          .map(Member::pid)
          .filter(pid -> pid > 0)
          .collect(Collectors.toCollection(TreeSet::new));
    }

    public Optional<Member> newest() {
      return members.stream().max(java.util.Comparator.comparingLong(each -> number(each)));
    }

    private static long number(Member member) {
      return Long.parseLong(member.worker());
    }
  }

  private SupervisedService(BrokerProcess broker, String name) {
    this.broker = broker;
    this.name = name;
  }

  public static SupervisedService of(BrokerProcess broker, String name) {
    return new SupervisedService(broker, name);
  }

  public String name() {
    return name;
  }

  public View view() throws IOException, VarlinkException {
    JsonObject all = broker.control("List", JsonObject.EMPTY);
    JsonObject service =
        all.objects("services").stream()
            .filter(each -> each.string("name").equals(name))
            .findFirst()
            .orElseThrow(() -> new AssertionError("no service " + name + " in " + all));
    return new View(
        service.string("state"),
        (int) service.integer("workers"),
        (int) service.integer("ready"),
        (int) service.integer("generation"),
        service.integer("restarts"),
        service.bool("changed"),
        service.optionalString("message"),
        service.optionalString("nextStartUsec"),
        service.objects("processes").stream().map(Member::of).toList());
  }

  public List<Member> members() throws IOException, VarlinkException {
    return view().members();
  }

  public Set<Integer> pids() throws IOException, VarlinkException {
    return view().pids();
  }

  /** The pid of its only worker. */
  public int pid() throws IOException, VarlinkException {
    Set<Integer> all = pids();
    assertThat(all).as("the only worker of %s", name).hasSize(1);
    return all.iterator().next();
  }

  /** Waits until as many workers as there are to be are ready, and nothing is under way. */
  public View awaitRunning() throws IOException, VarlinkException {
    return await(
        "all workers ready",
        view ->
            view.state().equals("running")
                && view.ready() == view.workers()
                && view.members().size() == view.workers());
  }

  public View awaitState(String state) throws IOException, VarlinkException {
    return await(state, view -> view.state().equals(state));
  }

  /** Looks at each event, and now and then, until the service is so. */
  public View await(String what, Predicate<View> condition) throws IOException, VarlinkException {
    return await(PATIENCE, what, condition);
  }

  public View await(Duration patience, String what, Predicate<View> condition)
      throws IOException, VarlinkException {
    try (Events events = broker.watch()) {
      long end = System.nanoTime() + patience.toNanos();
      View view = view();
      while (!condition.test(view)) {
        if (System.nanoTime() > end) {
          throw new AssertionError(
              "service " + name + ": not " + what + ", but " + view + "\n" + broker.lastWritten());
        }
        var unused = events.next(BETWEEN_LOOKS);
        view = view();
      }
      return view;
    }
  }

  /** Starts {@code holdfast WORDS} against its broker; does not wait. */
  public ProgramProcess begin(String... words) throws IOException {
    return begin(broker, words);
  }

  /** Runs {@code holdfast WORDS} against its broker to the end. */
  public ProgramProcess run(String... words) throws IOException {
    ProgramProcess verb = begin(words);
    verb.awaitEnd();
    return verb;
  }

  /** {@code holdfast restart}, which must go well; all of its workers are others afterwards. */
  public View restart(String... options) throws IOException, VarlinkException {
    Set<Integer> before = pids();
    ProgramProcess verb = succeed("restart", options);
    View after = view();
    assertThat(after.pids()).as(verb.written()).doesNotContainAnyElementsOf(before);
    assertThat(after.members("ready")).as("%s", after).hasSize(after.workers());
    return after;
  }

  /** A verb on this service that must end with 0. */
  public ProgramProcess succeed(String verb, String... options) throws IOException {
    ProgramProcess run = run(words(verb, options));
    assertThat(run.awaitEnd())
        .as("holdfast %s %s: %s\n%s", verb, name, run.written(), broker.lastWritten())
        .isZero();
    return run;
  }

  /** A verb on this service that must be refused, with a message that says all of this. */
  public ProgramProcess fail(String verb, String... named) throws IOException {
    return assertRefused(run(verb, name), 1, named);
  }

  public static ProgramProcess assertRefused(ProgramProcess run, int code, String... named) {
    assertThat(run.awaitEnd()).as(run.written()).isEqualTo(code);
    assertThat(String.join("\n", run.errLines())).contains(named);
    assertThat(run.written()).doesNotContain("Exception", "\tat ");
    return run;
  }

  private String[] words(String verb, String... options) {
    return Stream.concat(Stream.of(verb, name), Arrays.stream(options)).toArray(String[]::new);
  }

  static ProgramProcess begin(BrokerProcess broker, String... words) throws IOException {
    List<String> command =
        Stream.concat(Stream.of(Checkout.command().toString()), Arrays.stream(words)).toList();
    return ProgramProcess.start(
        "holdfast " + String.join(" ", words),
        command,
        Map.of("HOLDFAST_SOCKET", broker.socket().toString()));
  }

  @Override
  public String toString() {
    return "service " + name;
  }
}
