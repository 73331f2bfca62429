package dev.holdfast.broker.config;

import dev.holdfast.fd.Accounts;
import dev.holdfast.fd.Limits;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What a configuration refers to outside its file; the seam where tests put a host of their own.
 */
interface Surroundings {

  /** The number of a user; empty if the host has no such user. */
  OptionalInt uid(String user);

  /** The number of a group; empty if the host has no such group. */
  OptionalInt gid(String group);

  /** A variable of the environment; an empty value is a value. */
  Optional<String> variable(String name);

  /** Whether this process has root's effective uid. */
  boolean root();

  static Surroundings ofThisProcess() {
    return new Surroundings() {
      @Override
      public OptionalInt uid(String user) {
        return Accounts.uid(user);
      }

      @Override
      public OptionalInt gid(String group) {
        return Accounts.gid(group);
      }

      @Override
      public Optional<String> variable(String name) {
        return Optional.ofNullable(System.getenv(name));
      }

      @Override
      public boolean root() {
        return Limits.effectiveUid() == 0;
      }
    };
  }
}
