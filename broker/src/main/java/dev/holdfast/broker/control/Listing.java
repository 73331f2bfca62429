package dev.holdfast.broker.control;

import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.listener.ListenerName;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A part of what the broker holds that fits into one message: it counts bytes and not entries,
 * since one lease may name thousands of listeners.
 */
record Listing(
    List<Answer.ListenerView> listeners,
    List<Answer.LeaseView> leases,
    List<Answer.StoredView> stored) {

  /** Well below the 1 MiB of a frame, as the weights are estimates. */
  private static final int MOST = 800 << 10;

  private static final int LISTENER = 400;
  private static final int LEASE = 220;
  private static final int STORED = 60;

  private Listing() {
    this(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
  }

  /** Cuts into parts; at least one, if only an empty one. */
  static List<Listing> parts(
      List<Answer.ListenerView> listeners,
      List<Answer.LeaseView> leases,
      List<Answer.StoredView> stored) {
    Cutter cutter = new Cutter();
    listeners.forEach(each -> cutter.next(weight(each)).listeners().add(each));
    leases.forEach(each -> cutter.next(weight(each)).leases().add(each));
    stored.forEach(each -> cutter.next(STORED + each.name().length()).stored().add(each));
    return cutter.parts;
  }

  private static int weight(Answer.ListenerView view) {
    return LISTENER
        + view.name().value().length()
        + weight(view.config().spec().toString())
        + weight(view.socket())
        + weight(view.companion())
        + weight(view.message());
  }

  private static int weight(@Nullable BoundSocket socket) {
    return socket == null ? 0 : weight(socket.endpoint());
  }

  private static int weight(Answer.LeaseView view) {
    int weight = LEASE + weight(view.service());
    for (ListenerName name : view.listeners()) {
      weight += name.value().length() + 3;
    }
    return weight;
  }

  /** How many bytes of JSON a string takes: one for each character, or six where it is escaped. */
  private static int weight(@Nullable String text) {
    if (text == null) {
      return 0;
    }
    boolean plain = text.chars().allMatch(c -> c >= ' ' && c < 0x7f && c != '"' && c != '\\');
    return plain ? text.length() : 6 * text.length();
  }

  private static final class Cutter {
    final List<Listing> parts = new ArrayList<>(List.of(new Listing()));
    private int filled;

    Listing next(int weight) {
      if (filled > 0 && filled + weight > MOST) {
        parts.add(new Listing());
        filled = 0;
      }
      filled += weight;
      return parts.get(parts.size() - 1);
    }
  }
}
