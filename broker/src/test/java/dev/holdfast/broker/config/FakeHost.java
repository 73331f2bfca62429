package dev.holdfast.broker.config;

import dev.holdfast.fd.Accounts;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** A host with three users and two groups; a broker that is not root runs as web. */
record FakeHost(Map<String, String> environment, boolean root) implements Surroundings {

  static final FakeHost PLAIN = new FakeHost(Map.of(), false);

  private static final Map<String, Integer> USERS = Map.of("root", 0, "www-data", 33, "web", 1000);
  private static final Map<String, Integer> GROUPS = Map.of("www-data", 33, "adm", 4);

  static FakeHost withVariable(String name, String value) {
    return new FakeHost(Map.of(name, value), false);
  }

  private static Accounts.User account(String name, int uid) {
    return new Accounts.User(name, uid, uid, "/home/" + name, "/bin/" + name);
  }

  @Override
  public OptionalInt uid(String user) {
    return USERS.containsKey(user) ? OptionalInt.of(USERS.get(user)) : OptionalInt.empty();
  }

  @Override
  public OptionalInt gid(String group) {
    return GROUPS.containsKey(group) ? OptionalInt.of(GROUPS.get(group)) : OptionalInt.empty();
  }

  @Override
  public Optional<Accounts.User> user(String name) {
    return Optional.ofNullable(USERS.get(name)).map(uid -> account(name, uid));
  }

  @Override
  public Optional<Accounts.User> user(int uid) {
    return USERS.entrySet().stream()
        .filter(entry -> entry.getValue() == uid)
        .map(entry -> account(entry.getKey(), uid))
        .findAny();
  }

  /** Everybody is in adm too. */
  @Override
  public List<Integer> groups(String user, int gid) {
    return gid == 4 ? List.of(4) : List.of(gid, 4);
  }

  @Override
  public int ownUid() {
    return root ? 0 : 1000;
  }

  @Override
  public int ownGid() {
    return ownUid();
  }

  /** Where the variable AGENT says, for the tests that need it elsewhere. */
  @Override
  public Optional<String> agentJar() {
    String jar = environment.getOrDefault("AGENT", "/lib/holdfast-agent.jar");
    return jar.isEmpty() ? Optional.empty() : Optional.of(jar);
  }

  @Override
  public boolean isReadable(String path) {
    return !path.startsWith("/missing/");
  }

  @Override
  public Optional<String> variable(String name) {
    return Optional.ofNullable(environment.get(name));
  }
}
