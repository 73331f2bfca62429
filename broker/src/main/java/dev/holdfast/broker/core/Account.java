package dev.holdfast.broker.core;

import java.util.List;

/**
 * Whom a worker runs as: resolved to numbers when the configuration is read.
 *
 * @param groups all groups of the process, the primary one among them
 * @param home for HOME
 * @param shell for SHELL
 */
public record Account(
    String name, int uid, int gid, List<Integer> groups, String home, String shell) {
  public Account {
    groups = List.copyOf(groups);
  }
}
