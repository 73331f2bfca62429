package dev.holdfast.listener;

/** Reads the ports of a listen spec, which end it. */
final class PortReader {

  private PortReader() {}

  static PortChoice read(SpecText text) throws InvalidSpecException {
    if (text.rest().equalsIgnoreCase(PortChoice.Ephemeral.TEXT)) {
      return new PortChoice.Ephemeral();
    }
    if (text.rest().equals("0")) {
      throw text.fault("write 0 alone to stop listening, or 0W for a random free port");
    }
    int slash = text.next('/');
    return slash < 0 ? single(text, text.length()) : range(text, slash);
  }

  private static PortChoice range(SpecText text, int slash) throws InvalidSpecException {
    int start = text.at();
    PortChoice.Single low = single(text, slash);
    text.goOnAt(slash + 1);
    PortChoice.Single high = single(text, text.length());
    if (low instanceof PortChoice.Fixed from
        && high instanceof PortChoice.Fixed to
        && from.port() > to.port()) {
      throw text.faultAt(start, "the range runs downwards; write " + high + "/" + low);
    }
    return new PortChoice.Range(low, high);
  }

  private static PortChoice.Single single(SpecText text, int end) throws InvalidSpecException {
    String word = text.upTo(end);
    if (word.isEmpty()) {
      throw text.fault("a port or a service name is missing");
    }
    if (IpText.isDigits(word)) {
      return new PortChoice.Fixed(number(text, word));
    }
    if (PortChoice.Service.isService(word)) {
      return new PortChoice.Service(word);
    }
    throw neither(text, word);
  }

  private static int number(SpecText text, String digits) throws InvalidSpecException {
    if (digits.startsWith("0") && digits.length() > 1) {
      throw text.fault("a port is written without leading zeros");
    }
    // Six digits are too many for a port and few enough for an int.
    int number = Integer.parseInt(digits.substring(0, Math.min(6, digits.length())));
    if (number < PortChoice.LOWEST || number > PortChoice.HIGHEST) {
      String shown = digits.length() > 20 ? digits.substring(0, 20) + "…" : digits;
      throw text.fault("port " + shown + " is not in 1–65535");
    }
    return number;
  }

  /** Finds the best words for what is neither a number nor a name. */
  private static InvalidSpecException neither(SpecText text, String word) {
    if (word.equalsIgnoreCase(PortChoice.Ephemeral.TEXT)) {
      return text.fault("0W is no end of a range");
    }
    if (word.startsWith("rp,")) {
      return text.fault("\"rp,\" goes in front of the host");
    }
    for (int i = 0; i < word.length(); i++) {
      char c = word.charAt(i);
      if (!mayStandInName(c, i)) {
        String reason = "'" + Quoted.character(c) + "' cannot stand in a port or a service name";
        return text.faultAt(text.at() + i, reason);
      }
    }
    return text.fault(Quoted.text(word) + " is neither a port nor a service name");
  }

  private static boolean mayStandInName(char c, int index) {
    boolean letterOrDigit =
        (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    return letterOrDigit || (index > 0 && (c == '.' || c == '+' || c == '-'));
  }
}
