package dev.holdfast.listener;

import java.util.Locale;

/** Reads the host of a listen spec and its colon, if there is a host. */
final class HostReader {

  private HostReader() {}

  static Host read(SpecText text) throws InvalidSpecException {
    String rest = text.rest();
    if (rest.startsWith("[")) {
      return bracketed(text);
    }
    int colon = text.next(':');
    if (colon < 0) {
      return new Host.Any();
    }
    if (IpText.parse6(rest) != null
        || IpText.parse6(rest.substring(0, rest.lastIndexOf(':'))) != null) {
      throw text.fault("an IPv6 address goes in brackets: [::1]:8080");
    }
    if (colon == text.at()) {
      throw text.fault("there is no host before ':'; for all interfaces leave out the ':' too");
    }
    Host host = plain(text, text.upTo(colon));
    text.goOnAt(colon + 1);
    return host;
  }

  private static Host plain(SpecText text, String word) throws InvalidSpecException {
    if (word.equals("*")) {
      return new Host.Any();
    }
    var address = IpText.parse4(word);
    if (address != null) {
      return new Host.Ipv4(address);
    }
    String lower = word.toLowerCase(Locale.ROOT);
    if (Host.Name.endsInANumber(lower)) {
      throw text.fault(Quoted.text(word) + " is not an IPv4 address of four numbers in 0–255");
    }
    if (!Host.Name.isName(lower)) {
      throw text.fault(Quoted.text(word) + " is not a host name");
    }
    return new Host.Name(lower);
  }

  private static Host bracketed(SpecText text) throws InvalidSpecException {
    int end = text.next(']');
    if (end < 0) {
      throw text.fault("'[' has no ']'");
    }
    int start = text.at() + 1;
    text.goOnAt(start);
    int percent = text.next('%');
    boolean scoped = percent >= 0 && percent < end;
    String literal = text.upTo(scoped ? percent : end);
    var address = IpText.parse6(literal);
    if (address == null) {
      throw text.fault(Quoted.text(literal) + " is not an IPv6 address");
    }
    text.goOnAt(scoped ? percent + 1 : end);
    String scope = text.upTo(end);
    if (scoped && (scope.isEmpty() || !Host.Ipv6.isScope(scope))) {
      throw text.fault("after '%' comes the name or number of a network interface");
    }
    text.goOnAt(end + 1);
    if (!text.take(":")) {
      throw text.fault("after ']' come ':' and a port");
    }
    return new Host.Ipv6(address, scope);
  }
}
