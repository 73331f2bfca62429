package dev.holdfast.broker.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WrittenPrincipalTest {

  private static final Function<String, OptionalInt> USERS = database(Map.of("web", 1000));
  private static final Function<String, OptionalInt> GROUPS = database(Map.of("web", 33));

  @Test
  void meansWhoIsWritten() {
    assertThat(resolved("user:web")).contains(new Principal.User(1000));
    assertThat(resolved("group:web")).contains(new Principal.Group(33));
    assertThat(resolved("uid:0")).contains(new Principal.User(0));
    assertThat(resolved("uid:4294967294")).contains(new Principal.User(-2));
    assertThat(resolved("gid:7")).contains(new Principal.Group(7));
    assertThat(resolved("all")).contains(new Principal.Everybody());
  }

  @Test
  void isNobodyWhenTheHostHasNoSuchName() {
    assertThat(resolved("user:nobody-here")).isEmpty();
    assertThat(resolved("group:nobody-here")).isEmpty();
  }

  @Test
  void needsALookupForNamesOnly() {
    assertThat(written("user:web").needsLookup()).isTrue();
    assertThat(written("group:web").needsLookup()).isTrue();
    assertThat(written("uid:0").needsLookup()).isFalse();
    assertThat(written("gid:0").needsLookup()).isFalse();
    assertThat(written("all").needsLookup()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "web",
        ":",
        ":web",
        "user",
        "user:",
        "group:",
        "user:root\0x",
        "uid:",
        "uid:-1",
        "uid:+1",
        "uid:4294967295",
        "uid:99999999999",
        "gid:web",
        "gid: 1",
        "all:",
        "all:x",
        "ALL",
        "User:web"
      })
  void refusesWhatHasNoneOfTheForms(String text) {
    assertThat(WrittenPrincipal.parse(text)).isEmpty();
  }

  private static WrittenPrincipal written(String text) {
    return WrittenPrincipal.parse(text).orElseThrow();
  }

  private static Optional<Principal> resolved(String text) {
    return written(text).resolve(USERS, GROUPS);
  }

  private static Function<String, OptionalInt> database(Map<String, Integer> numbers) {
    return name ->
        numbers.containsKey(name) ? OptionalInt.of(numbers.get(name)) : OptionalInt.empty();
  }
}
