package dev.holdfast.broker.workers;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A process and all that it started, and those started, as far as their parents live: the child of
 * a process that has ended belongs to whoever adopted it.
 */
final class ProcessTree {

  // The kernel may be built without CONFIG_PROC_CHILDREN.
  private static final boolean TELLS_CHILDREN = tellsChildren();

  private ProcessTree() {}

  private static boolean tellsChildren() {
    try {
      return Proc.text("/proc/thread-self/children").isPresent();
    } catch (IOException e) {
      return false;
    }
  }

  /** Their pids: the root first, and parents before children. */
  static List<Integer> of(int root) throws IOException {
    return TELLS_CHILDREN ? byChildren(root) : byParents(root);
  }

  static List<Integer> byChildren(int root) throws IOException {
    Set<Integer> seen = new LinkedHashSet<>();
    List<Integer> tree = new ArrayList<>(List.of(root));
    for (int i = 0; i < tree.size(); i++) {
      for (int child : childrenOf(tree.get(i))) {
        if (child != root && seen.add(child)) {
          tree.add(child);
        }
      }
    }
    return tree;
  }

  /** A child is listed with the thread that made it. */
  static List<Integer> childrenOf(int pid) throws IOException {
    List<Integer> children = new ArrayList<>();
    String threads = "/proc/" + pid + "/task";
    for (int thread : Proc.numbers(threads)) {
      String line = Proc.text(threads + "/" + thread + "/children").orElse("");
      for (int from = 0, space; (space = line.indexOf(' ', from)) >= 0; from = space + 1) {
        children.add(Integer.valueOf(line.substring(from, space)));
      }
    }
    return children;
  }

  static List<Integer> byParents(int root) throws IOException {
    Map<Integer, List<Integer>> children = new HashMap<>();
    for (int pid : Proc.numbers("/proc")) {
      ProcessStat.of(pid)
          .ifPresent(
              stat -> children.computeIfAbsent(stat.parent(), p -> new ArrayList<>()).add(pid));
    }
    List<Integer> tree = new ArrayList<>(List.of(root));
    for (int i = 0; i < tree.size(); i++) {
      tree.addAll(children.getOrDefault(tree.get(i), List.of()));
    }
    return tree;
  }

  /** Those of a process group, wherever they are; none for group 0. */
  static List<Integer> ofGroup(int group) throws IOException {
    List<Integer> members = new ArrayList<>();
    if (group > 0) {
      for (int pid : Proc.numbers("/proc")) {
        if (ProcessStat.of(pid).filter(stat -> stat.group() == group).isPresent()) {
          members.add(pid);
        }
      }
    }
    return members;
  }
}
