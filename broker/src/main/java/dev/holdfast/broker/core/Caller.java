package dev.holdfast.broker.core;

import java.util.List;

/**
 * The peer of a control connection.
 *
 * @param connection our number for it, never used again
 */
public record Caller(long connection, int pid, int uid, int gid, List<Integer> groups) {
  public Caller {
    groups = List.copyOf(groups);
  }
}
