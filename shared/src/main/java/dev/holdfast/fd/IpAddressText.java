package dev.holdfast.fd;

/** IP addresses as people write them; the JDK writes all eight groups of an IPv6 address. */
public final class IpAddressText {

  private static final int GROUPS = 8;

  private IpAddressText() {}

  /**
   * Dotted for 4 bytes; for 16 by RFC 5952: lower case, the longest run of zero groups as {@code
   * ::}.
   *
   * @param bytes in network byte order
   */
  public static String of(byte[] bytes) {
    if (bytes.length == 4) {
      return (bytes[0] & 0xff)
          + "."
          + (bytes[1] & 0xff)
          + "."
          + (bytes[2] & 0xff)
          + "."
          + (bytes[3] & 0xff);
    }
    int gap = -1;
    int gapLength = 1; // one zero group alone is written out
    for (int start = 0; start < GROUPS; start++) {
      int length = 0;
      while (start + length < GROUPS && group(bytes, start + length) == 0) {
        length++;
      }
      if (length > gapLength) {
        gap = start;
        gapLength = length;
      }
    }
    if (gap < 0) {
      return groups(bytes, 0, GROUPS);
    }
    return groups(bytes, 0, gap) + "::" + groups(bytes, gap + gapLength, GROUPS);
  }

  private static String groups(byte[] bytes, int from, int to) {
    StringBuilder text = new StringBuilder();
    for (int i = from; i < to; i++) {
      text.append(i == from ? "" : ":").append(Integer.toHexString(group(bytes, i)));
    }
    return text.toString();
  }

  private static int group(byte[] bytes, int index) {
    return (bytes[2 * index] & 0xff) << 8 | (bytes[2 * index + 1] & 0xff);
  }
}
