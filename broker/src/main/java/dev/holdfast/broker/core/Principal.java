package dev.holdfast.broker.core;

/**
 * Somebody whom a rule allows: resolved to numbers when the configuration is read, since names can
 * be re-pointed.
 */
public sealed interface Principal {

  /** Whether the caller is meant. */
  boolean matches(Caller caller);

  /** {@code user:NAME} or {@code uid:NUMBER}. */
  record User(int uid) implements Principal {
    @Override
    public boolean matches(Caller caller) {
      return caller.uid() == uid;
    }
  }

  /** {@code group:NAME} or {@code gid:NUMBER}: the primary or a supplementary group. */
  record Group(int gid) implements Principal {
    @Override
    public boolean matches(Caller caller) {
      return caller.gid() == gid || caller.groups().contains(gid);
    }
  }

  /** {@code all}: every process that can reach the control socket. */
  record Everybody() implements Principal {
    @Override
    public boolean matches(Caller caller) {
      return true;
    }
  }
}
