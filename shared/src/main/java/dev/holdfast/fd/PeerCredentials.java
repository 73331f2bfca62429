package dev.holdfast.fd;

import java.util.List;

/**
 * Who connected a Unix socket, as the kernel recorded it at connect(2) (unix(7), SO_PEERCRED and
 * SO_PEERGROUPS).
 *
 * @param pid the process, in our pid namespace; 0 where it has no number here
 * @param groups the supplementary groups
 */
public record PeerCredentials(int pid, int uid, int gid, List<Integer> groups) {
  public PeerCredentials {
    groups = List.copyOf(groups);
  }
}
