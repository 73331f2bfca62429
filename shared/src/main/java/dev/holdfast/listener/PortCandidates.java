package dev.holdfast.listener;

import dev.holdfast.spelling.NearestName;
import java.util.HashMap;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.OptionalInt;
import java.util.PrimitiveIterator;
import java.util.random.RandomGenerator;

/**
 * The ports that a listen spec allows, each once, in the order to try them: random for a range and
 * for {@code 0W}. Every order is equally likely. Not thread-safe.
 */
public final class PortCandidates implements PrimitiveIterator.OfInt {

  private final int low;
  private final int count;
  private final RandomGenerator random;

  /**
   * Fisher-Yates without its array: only the places that a swap has changed. The first port that is
   * tried is mostly free, so this mostly holds one entry and not 28232.
   */
  private final Map<Integer, Integer> moved = new HashMap<>();

  private int taken;

  private PortCandidates(int low, int high, RandomGenerator random) {
    this.low = low;
    this.count = high - low + 1;
    this.random = random;
  }

  /**
   * Looks up the services of a spec. Blocks only if the database does.
   *
   * @throws InvalidSpecException for a service that the database does not have, and for a range
   *     that runs downwards once its services are numbers; it points into the canonical text
   */
  public static PortCandidates of(
      ListenSpec.Inet spec, ServiceDatabase services, RandomGenerator random)
      throws InvalidSpecException {
    PortChoice ports = spec.ports();
    int start = spec.toString().length() - ports.toString().length();
    if (ports instanceof PortChoice.Single single) {
      int port = number(spec, single, start, services);
      return new PortCandidates(port, port, random);
    }
    if (ports instanceof PortChoice.Range range) {
      int startOfHigh = start + range.low().toString().length() + 1;
      int low = number(spec, range.low(), start, services);
      int high = number(spec, range.high(), startOfHigh, services);
      if (low > high) {
        String reason = "the range runs downwards: from " + low + " to " + high;
        throw new InvalidSpecException(spec.toString(), start, reason);
      }
      return new PortCandidates(low, high, random);
    }
    return new PortCandidates(PortChoice.Ephemeral.LOW, PortChoice.Ephemeral.HIGH, random);
  }

  private static int number(
      ListenSpec.Inet spec, PortChoice.Single port, int position, ServiceDatabase services)
      throws InvalidSpecException {
    OptionalInt number = port.number(services, spec.protocol());
    if (number.isPresent()) {
      return number.getAsInt();
    }
    String name = port.toString();
    throw new InvalidSpecException(
        spec.toString(),
        position,
        "the services database ("
            + EtcServices.FILE
            + ") has no service "
            + Quoted.text(name)
            + " for "
            + spec.protocol()
            + NearestName.question(name, services.names(spec.protocol())));
  }

  /** How many ports there are in all, tried ones included. */
  public int count() {
    return count;
  }

  @Override
  public boolean hasNext() {
    return taken < count;
  }

  @Override
  public int nextInt() {
    if (!hasNext()) {
      throw new NoSuchElementException("all " + count + " ports were tried");
    }
    int place = taken + random.nextInt(count - taken);
    int chosen = moved.getOrDefault(place, place);
    moved.put(place, moved.getOrDefault(taken, taken));
    moved.remove(taken);
    taken++;
    return low + chosen;
  }
}
