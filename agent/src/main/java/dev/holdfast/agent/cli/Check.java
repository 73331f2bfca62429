package dev.holdfast.agent.cli;

import dev.holdfast.varlink.JsonObject;

/**
 * One thing that {@code doctor} looked at.
 *
 * @param needed whether nothing works without it
 * @param found what is there
 * @param meaning what it is for, or what follows
 * @param advice what to do, empty when there is nothing to do
 */
record Check(
    String name, State state, boolean needed, String found, String meaning, String advice) {

  /** How it is. */
  enum State {
    OK,
    LIMITED,
    MISSING;

    String word() {
      return switch (this) {
        case OK -> "ok";
        case LIMITED -> "limited";
        case MISSING -> "missing";
      };
    }
  }

  static Check ok(String name, String found, String meaning) {
    return new Check(name, State.OK, false, found, meaning, "");
  }

  static Check limited(String name, String found, String meaning, String advice) {
    return new Check(name, State.LIMITED, false, found, meaning, advice);
  }

  static Check missing(String name, String found, String meaning, String advice) {
    return new Check(name, State.MISSING, false, found, meaning, advice);
  }

  /** The same, as something that nothing works without. */
  Check asNeeded() {
    return new Check(name, state, true, found, meaning, advice);
  }

  JsonObject toJson() {
    return JsonObject.builder()
        .put("name", name)
        .put("state", state.word())
        .put("needed", needed)
        .put("found", found)
        .put("meaning", meaning)
        .put("advice", advice)
        .build();
  }
}
