package dev.holdfast.broker.core;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;

/**
 * A {@link Principal} as somebody wrote it: {@code user:NAME}, {@code uid:NUMBER}, {@code
 * group:NAME}, {@code gid:NUMBER} or {@code all}. A name in it is not looked up yet.
 *
 * @param rest behind the colon
 */
public record WrittenPrincipal(Form form, String rest) {

  /** (uid_t) -1, which means "nobody in particular" to the kernel. */
  private static final long NOBODY_IN_PARTICULAR = 0xffff_ffffL;

  /** What stands before the colon. */
  public enum Form {
    USER("user"),
    UID("uid"),
    GROUP("group"),
    GID("gid"),
    ALL("all");

    private final String word;

    Form(String word) {
      this.word = word;
    }

    public String word() {
      return word;
    }
  }

  /** Reads one; empty if it has none of the forms, or a number that is none of a user's. */
  public static Optional<WrittenPrincipal> parse(String text) {
    int colon = text.indexOf(':');
    String word = colon < 0 ? text : text.substring(0, colon);
    String rest = text.substring(colon + 1);
    for (Form form : Form.values()) {
      if (form.word().equals(word) && (form == Form.ALL) == (colon < 0) && isFor(form, rest)) {
        return Optional.of(new WrittenPrincipal(form, rest));
      }
    }
    return Optional.empty();
  }

  /** A uid or gid, negative above 2147483647; empty for what is no number of one. */
  public static OptionalInt number(String digits) {
    long number = digits.matches("[0-9]{1,10}") ? Long.parseLong(digits) : NOBODY_IN_PARTICULAR;
    return number < NOBODY_IN_PARTICULAR ? OptionalInt.of((int) number) : OptionalInt.empty();
  }

  /** Whether {@link #resolve} asks the host's databases, which may block. */
  public boolean needsLookup() {
    return form == Form.USER || form == Form.GROUP;
  }

  /**
   * Who is meant; empty if the host has no such name.
   *
   * @param users the number of a user by name
   * @param groups the number of a group by name
   */
  public Optional<Principal> resolve(
      Function<String, OptionalInt> users, Function<String, OptionalInt> groups) {
    if (form == Form.ALL) {
      return Optional.of(new Principal.Everybody());
    }
    OptionalInt number =
        switch (form) {
          case USER -> users.apply(rest);
          case GROUP -> groups.apply(rest);
          case UID, GID, ALL -> number(rest);
        };
    if (number.isEmpty()) {
      return Optional.empty();
    }
    boolean user = form == Form.USER || form == Form.UID;
    return Optional.of(
        user ? new Principal.User(number.getAsInt()) : new Principal.Group(number.getAsInt()));
  }

  private static boolean isFor(Form form, String rest) {
    return switch (form) {
      // getpwnam(3) reads up to a NUL, and would find root in "root\0x".
      case USER, GROUP -> !rest.isEmpty() && rest.indexOf('\0') < 0;
      case UID, GID -> number(rest).isPresent();
      case ALL -> true;
    };
  }
}
