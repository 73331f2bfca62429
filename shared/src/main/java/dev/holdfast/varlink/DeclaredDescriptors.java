package dev.holdfast.varlink;

import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a message says about the descriptors that ride with it. On a stream socket the kernel glues
 * messages together, so the bytes alone do not tell whose the descriptors are; this does.
 */
public final class DeclaredDescriptors {
  /** The most that one message may carry. */
  public static final int MOST = 32;

  /** The member, at any depth, that refers to a descriptor. */
  public static final String INDEX = "fileDescriptorIndex";

  private DeclaredDescriptors() {}

  /**
   * How many descriptors {@code parameters} declare: the values of all members called {@code
   * fileDescriptorIndex}, at any depth, have to be 0 to n-1, each once.
   *
   * @throws ProtocolException if they are not, or n is above {@link #MOST}
   */
  public static int count(JsonObject parameters) throws ProtocolException {
    BitSet seen = new BitSet(MOST);
    collect(parameters, seen);
    int count = seen.cardinality();
    if (seen.length() != count) {
      throw new ProtocolException(
          INDEX + " values " + seen + ": expected each of 0 to " + (count - 1));
    }
    return count;
  }

  private static void collect(@Nullable Object value, BitSet seen) throws ProtocolException {
    if (value instanceof JsonObject object) {
      for (var member : object.members().entrySet()) {
        if (member.getKey().equals(INDEX) && member.getValue() != null) {
          mark(member.getValue(), seen);
        } else {
          collect(member.getValue(), seen);
        }
      }
    } else if (value instanceof List<?> list) {
      for (Object element : list) {
        collect(element, seen);
      }
    }
  }

  private static void mark(Object value, BitSet seen) throws ProtocolException {
    if (!(value instanceof Long index) || index < 0 || index >= MOST) {
      throw new ProtocolException(
          INDEX + " " + value + ": expected a whole number from 0 to " + (MOST - 1));
    }
    int position = index.intValue();
    if (seen.get(position)) {
      throw new ProtocolException(INDEX + " " + position + " for the second time");
    }
    seen.set(position);
  }
}
