package dev.holdfast.broker.config;

import dev.holdfast.fd.Accounts;
import dev.holdfast.fd.Limits;
import dev.holdfast.jvm.AgentArgument;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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

  /** What the host knows of a user, by name; empty if the host has no such user. */
  Optional<Accounts.User> user(String name);

  /** The same by number. */
  Optional<Accounts.User> user(int uid);

  /** All groups of a process that runs as the user, the primary one among them. */
  List<Integer> groups(String user, int gid);

  /** The effective uid of this process. */
  int ownUid();

  /** The effective gid of this process. */
  int ownGid();

  /** A variable of the environment; an empty value is a value. */
  Optional<String> variable(String name);

  /** Where the launcher says that the jar of the agent for JVMs is; empty if it says nothing. */
  Optional<String> agentJar();

  /** Whether there is a file that this process may read. */
  boolean isReadable(String path);

  /** Whether this process has root's effective uid. */
  default boolean root() {
    return ownUid() == 0;
  }

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
      public Optional<String> agentJar() {
        return Optional.ofNullable(System.getProperty(AgentArgument.JAR_PROPERTY));
      }

      @Override
      public boolean isReadable(String path) {
        return Files.isReadable(Path.of(path));
      }

      @Override
      public Optional<Accounts.User> user(String name) {
        return Accounts.user(name);
      }

      @Override
      public Optional<Accounts.User> user(int uid) {
        return Accounts.user(uid);
      }

      @Override
      public List<Integer> groups(String user, int gid) {
        return Accounts.groups(user, gid);
      }

      @Override
      public int ownUid() {
        return Limits.effectiveUid();
      }

      @Override
      public int ownGid() {
        return Accounts.effectiveGid();
      }
    };
  }
}
