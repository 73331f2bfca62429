package dev.holdfast.broker.config;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** A host with two users and two groups. */
record FakeHost(Map<String, String> environment, boolean root) implements Surroundings {

  static final FakeHost PLAIN = new FakeHost(Map.of(), false);

  private static final Map<String, Integer> USERS = Map.of("www-data", 33, "web", 1000);
  private static final Map<String, Integer> GROUPS = Map.of("www-data", 33, "adm", 4);

  static FakeHost withVariable(String name, String value) {
    return new FakeHost(Map.of(name, value), false);
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
  public Optional<String> variable(String name) {
    return Optional.ofNullable(environment.get(name));
  }
}
