package dev.holdfast.spelling;

import java.util.Collection;
import java.util.Optional;

/** Finds the name that was probably meant: for "did you mean" in error messages. */
public final class NearestName {

  private NearestName() {}

  /**
   * The right name nearest to the wrong one, if one is near enough to be worth saying: at most a
   * third of the letters, and at least one, may differ. Of two equally near the one of the same
   * letters (one was dropped, doubled or swapped), then the one with the same first letter, which
   * is seldom mistyped, then the first in alphabetical order, so that a message does not change
   * from run to run.
   */
  public static Optional<String> among(String wrong, Collection<String> rightNames) {
    int nearEnough = Math.max(1, wrong.length() / 3);
    String best = null;
    int bestDistance = Math.min(nearEnough, wrong.length() - 1);
    for (String right : rightNames) {
      if (right.isEmpty() || Math.abs(right.length() - wrong.length()) > bestDistance) {
        continue;
      }
      int distance = distance(wrong, right);
      if (distance < bestDistance
          || (distance == bestDistance && (best == null || isLikelier(wrong, right, best)))) {
        best = right;
        bestDistance = distance;
      }
    }
    return Optional.ofNullable(best);
  }

  private static boolean isLikelier(String wrong, String right, String other) {
    int difference = likeness(wrong, right) - likeness(wrong, other);
    return difference == 0 ? right.compareTo(other) < 0 : difference > 0;
  }

  private static int likeness(String wrong, String right) {
    boolean sameLetters =
        right.chars().allMatch(c -> wrong.indexOf(c) >= 0)
            && wrong.chars().allMatch(c -> right.indexOf(c) >= 0);
    return (sameLetters ? 2 : 0) + (right.charAt(0) == wrong.charAt(0) ? 1 : 0);
  }

  /** {@code ; did you mean "http"?}, or nothing: to end a message with. */
  public static String question(String wrong, Collection<String> rightNames) {
    return among(wrong, rightNames).map(right -> "; did you mean \"" + right + "\"?").orElse("");
  }

  /**
   * How many letters must be changed, added, left out or swapped with their neighbour (optimal
   * string alignment); a change of case alone counts as one for the whole word.
   */
  public static int distance(String a, String b) {
    if (a.equals(b)) {
      return 0;
    }
    if (a.equalsIgnoreCase(b)) {
      return 1;
    }
    int[] beforeLast = new int[b.length() + 1];
    int[] last = new int[b.length() + 1];
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      last[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int changed = last[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(changed, 1 + Math.min(last[j], row[j - 1]));
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
        }
      }
      int[] free = beforeLast;
      beforeLast = last;
      last = row;
      row = free;
    }
    return last[b.length()];
  }
}
