package dev.holdfast.agent.adopt;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which listener takes the place of an address that the program binds: the one that the options
 * name for it, else the one at that very address. A program that binds all interfaces gets one with
 * this port on a single interface, too; never the other way round, which would let in more than the
 * program asked for.
 */
final class Offers {

  private final List<Options.Mapping> mappings;
  private final List<Offer> offers;

  Offers(List<Options.Mapping> mappings, List<Offer> offers) {
    this.mappings = List.copyOf(mappings);
    this.offers = List.copyOf(offers);
  }

  /** The listener for an address; neither of both where the program is to bind as always. */
  record Choice(@Nullable Offer offer, @Nullable String refusal) {
    static final Choice NONE = new Choice(null, null);

    static Choice of(Offer offer) {
      return new Choice(offer, null);
    }

    static Choice refused(String why) {
      return new Choice(null, why);
    }
  }

  /** What the options say of this address, or null. */
  static Options.@Nullable Mapping mapping(
      List<Options.Mapping> mappings, boolean datagram, InetAddress address, int port) {
    for (Options.Mapping each : mappings) {
      InetAddress host = each.host();
      if (each.path() == null
          && each.datagram() == datagram
          && each.port() == port
          && (host == null || isSame(host, address))) {
        return each;
      }
    }
    return null;
  }

  /** What the options say of this path, or null. */
  static Options.@Nullable Mapping mapping(List<Options.Mapping> mappings, String path) {
    for (Options.Mapping each : mappings) {
      if (path.equals(each.path())) {
        return each;
      }
    }
    return null;
  }

  Choice find(boolean datagram, InetAddress address, int port) {
    Options.Mapping mapped = mapping(mappings, datagram, address, port);
    if (mapped != null) {
      return named(mapped.listener(), datagram, false);
    }
    List<Offer> narrower = new ArrayList<>();
    Offer wider = null;
    for (Offer each : offers) {
      InetAddress bound = each.address();
      if (bound == null || each.datagram() != datagram || each.port() != port) {
        continue;
      }
      if (isSame(bound, address)) {
        return Choice.of(each);
      }
      if (address.isAnyLocalAddress()) {
        narrower.add(each);
      } else if (bound.isAnyLocalAddress()) {
        wider = each;
      }
    }
    if (narrower.size() == 1) {
      return Choice.of(narrower.get(0));
    }
    if (narrower.size() > 1) {
      return Choice.refused(
          "more than one listener has this port ("
              + names(narrower)
              + "): say which by an option of the agent, "
              + port
              + "="
              + narrower.get(0).listener());
    }
    if (wider != null) {
      return Choice.refused(
          "listener "
              + wider.listener()
              + " is "
              + wider.where()
              + ", and would let in more than this address: if that is meant, say so by an option"
              + " of the agent, "
              + port
              + "="
              + wider.listener());
    }
    return Choice.NONE;
  }

  Choice find(String path) {
    Options.Mapping mapped = mapping(mappings, path);
    if (mapped != null) {
      return named(mapped.listener(), false, true);
    }
    for (Offer each : offers) {
      if (each.address() == null && !each.datagram() && each.path().equals(path)) {
        return Choice.of(each);
      }
    }
    return Choice.NONE;
  }

  private Choice named(String listener, boolean datagram, boolean unix) {
    for (Offer each : offers) {
      if (each.listener().equals(listener)
          && each.datagram() == datagram
          && (each.address() == null) == unix) {
        return Choice.of(each);
      }
    }
    return Choice.refused(
        "there is no "
            + (unix ? "unix" : datagram ? "udp" : "tcp")
            + " listener "
            + listener
            + " for this process"
            + (offers.isEmpty() ? "" : ", only " + names(offers)));
  }

  private static String names(List<Offer> some) {
    StringBuilder text = new StringBuilder();
    for (Offer each : some) {
      text.append(text.length() == 0 ? "" : ", ").append(each.listener()).append(' ');
      text.append(each.where());
    }
    return text.toString();
  }

  private static boolean isSame(InetAddress one, InetAddress other) {
    return one.equals(other) || (one.isAnyLocalAddress() && other.isAnyLocalAddress());
  }
}
