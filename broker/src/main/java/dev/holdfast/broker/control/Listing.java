package dev.holdfast.broker.control;

import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.listener.ListenerName;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A part of what the broker holds that fits into one message: it counts bytes and not entries,
 * since one lease may name thousands of listeners. A service with too many workers for one part
 * stands in several, each time with others of them.
 */
record Listing(
    List<Answer.ListenerView> listeners,
    List<Answer.LeaseView> leases,
    List<Answer.StoredView> stored,
    List<Answer.ServiceView> services) {

  /** Well below the 1 MiB of a frame, as the weights are estimates. */
  private static final int MOST = 800 << 10;

  private static final int LISTENER = 400;
  private static final int LEASE = 220;
  private static final int STORED = 60;
  private static final int SERVICE = 220;
  private static final int WORKER = 180;

  private Listing() {
    this(new ArrayList<>(), new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
  }

  /** Cuts into parts; at least one, if only an empty one. */
  static List<Listing> parts(Answer.Listing all) {
    return parts(all.listeners(), all.leases(), all.stored(), all.services());
  }

  static List<Listing> parts(Answer.Snapshot all) {
    return parts(all.listeners(), all.leases(), List.of(), List.of());
  }

  private static List<Listing> parts(
      List<Answer.ListenerView> listeners,
      List<Answer.LeaseView> leases,
      List<Answer.StoredView> stored,
      List<Answer.ServiceView> services) {
    Cutter cutter = new Cutter();
    listeners.forEach(each -> cutter.next(weight(each)).listeners().add(each));
    leases.forEach(each -> cutter.next(weight(each)).leases().add(each));
    stored.forEach(each -> cutter.next(STORED + each.name().length()).stored().add(each));
    for (Answer.ServiceView service : services) {
      for (Answer.ServiceView piece : pieces(service)) {
        cutter.next(weight(piece)).services().add(piece);
      }
    }
    return cutter.parts;
  }

  /** The service, or several of it that share its workers out among them. */
  private static List<Answer.ServiceView> pieces(Answer.ServiceView service) {
    List<Answer.ServiceView> pieces = new ArrayList<>(1);
    List<Answer.WorkerView> all = service.processes();
    int empty = weight(with(service, List.of()));
    int filled = empty;
    int from = 0;
    for (int i = 0; i < all.size(); i++) {
      int next = weight(all.get(i));
      if (i > from && filled + next > MOST) {
        pieces.add(with(service, all.subList(from, i)));
        from = i;
        filled = empty;
      }
      filled += next;
    }
    pieces.add(with(service, all.subList(from, all.size())));
    return pieces;
  }

  private static Answer.ServiceView with(
      Answer.ServiceView service, List<Answer.WorkerView> processes) {
    return new Answer.ServiceView(
        service.name(),
        service.state(),
        service.workers(),
        service.ready(),
        service.generation(),
        service.restarts(),
        service.changed(),
        service.nextStart(),
        service.message(),
        service.listeners(),
        processes);
  }

  private static int weight(Answer.ServiceView view) {
    int weight = SERVICE + weight(view.name()) + weight(view.message()) + weight(view.listeners());
    for (Answer.WorkerView worker : view.processes()) {
      weight += weight(worker);
    }
    return weight;
  }

  private static int weight(Answer.WorkerView view) {
    return WORKER + view.lease().value().length() + weight(view.status());
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
    return LEASE + weight(view.service()) + weight(view.listeners());
  }

  private static int weight(List<ListenerName> names) {
    int weight = 0;
    for (ListenerName name : names) {
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
