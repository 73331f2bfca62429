package dev.holdfast.broker.core;

import java.util.EnumSet;
import java.util.Set;

/**
 * How the configuration of one listener changed.
 *
 * @param rebind the parts that take a new socket
 * @param inPlace the parts that are applied to the socket that is bound, or to no socket at all
 */
public record ListenerChange(Set<ListenerPart> rebind, Set<ListenerPart> inPlace) {

  public ListenerChange {
    rebind = Set.copyOf(rebind);
    inPlace = Set.copyOf(inPlace);
  }

  /** Compares two configurations; equal ones give a change of nothing. */
  public static ListenerChange between(ListenerConfig old, ListenerConfig now) {
    EnumSet<ListenerPart> rebind = EnumSet.noneOf(ListenerPart.class);
    EnumSet<ListenerPart> inPlace = EnumSet.noneOf(ListenerPart.class);
    for (ListenerPart part : ListenerPart.values()) {
      if (part.differs(old, now)) {
        (part.needsRebind(now) ? rebind : inPlace).add(part);
      }
    }
    return new ListenerChange(rebind, inPlace);
  }

  /** Whether the listener has to be bound anew; its accept queue then ends with the old socket. */
  public boolean needsRebind() {
    return !rebind.isEmpty();
  }
}
