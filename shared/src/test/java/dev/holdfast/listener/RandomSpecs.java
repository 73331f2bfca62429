package dev.holdfast.listener;

import dev.holdfast.fd.UnixAddress;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** Listen specs, and texts that nearly are, from a seed. */
final class RandomSpecs {

  private static final List<String> PIECES =
      List.of(
          "0",
          "0W",
          "0w",
          "80",
          "65535",
          "65536",
          "-",
          "rp,",
          ":",
          "/",
          "*",
          "[",
          "]",
          "%",
          "@",
          "unix:",
          "udp:",
          "seqpacket:",
          "unixgram:",
          "tcp:",
          "localhost",
          "http",
          "::",
          "[::1]:",
          "[fe80::1%eth0]:",
          "127.0.0.1:",
          "1.2.3",
          "255",
          "/run/x",
          ".",
          ",",
          " ",
          "\0",
          "\n",
          "é",
          "\ud83d\ude00",
          "\ud800",
          "\udc00",
          "\u2028",
          "99999999999999999999",
          "abcd",
          "ffff");
  private static final String LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

  private final Random random;

  RandomSpecs(long seed) {
    random = new Random(seed);
  }

  ListenSpec spec() {
    return switch (random.nextInt(8)) {
      case 0 -> new ListenSpec.Stopped();
      case 1, 2 ->
          new ListenSpec.Unix(
              random.nextBoolean() ? Transport.UNIX : Transport.SEQPACKET,
              random.nextBoolean(),
              unixAddress());
      case 3 -> new ListenSpec.Inet(Transport.UDP, random.nextBoolean(), false, host(), ports());
      default ->
          new ListenSpec.Inet(
              Transport.TCP, random.nextBoolean(), random.nextBoolean(), host(), ports());
    };
  }

  /** Pieces of the grammar in no order, or a spec that suffered. */
  String text() {
    StringBuilder text = new StringBuilder();
    if (random.nextInt(3) == 0) {
      for (int i = random.nextInt(8); i >= 0; i--) {
        text.append(piece());
      }
      return text.toString();
    }
    text.append(spec());
    for (int i = random.nextInt(4); i >= 0 && text.length() > 0; i--) {
      int at = random.nextInt(text.length());
      int end = Math.min(text.length(), at + 1 + random.nextInt(4));
      switch (random.nextInt(5)) {
        case 0 -> text.delete(at, end);
        case 1 -> text.insert(at, piece());
        case 2 -> text.setCharAt(at, (char) random.nextInt(0x80));
        case 3 -> text.setCharAt(at, (char) random.nextInt(0x10000));
        default -> text.insert(at, text.substring(at, end).repeat(1 + random.nextInt(40)));
      }
    }
    return text.toString();
  }

  private String piece() {
    return PIECES.get(random.nextInt(PIECES.size()));
  }

  private Host host() {
    return switch (random.nextInt(5)) {
      case 0 -> new Host.Ipv4((Inet4Address) address(new byte[4]));
      case 1 -> new Host.Ipv6(IpText.scoped(sparse(), 0), "");
      case 2 -> new Host.Ipv6(IpText.scoped(sparse(), 0), word(15));
      case 3 -> new Host.Name("h" + word(20) + (random.nextBoolean() ? "" : ".x" + word(20) + "."));
      default -> new Host.Any();
    };
  }

  private InetAddress address(byte[] bytes) {
    random.nextBytes(bytes);
    try {
      return InetAddress.getByAddress(bytes);
    } catch (UnknownHostException e) {
      throw new AssertionError(e);
    }
  }

  /** Sixteen bytes with runs of zeros, as addresses have them. */
  private byte[] sparse() {
    byte[] bytes = new byte[16];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (random.nextInt(3) == 0 ? random.nextInt() : 0);
    }
    return bytes;
  }

  private PortChoice ports() {
    return switch (random.nextInt(6)) {
      case 0 -> new PortChoice.Ephemeral();
      case 1 -> {
        int low = 1 + random.nextInt(65535);
        int high = low + random.nextInt(65536 - low);
        yield new PortChoice.Range(new PortChoice.Fixed(low), new PortChoice.Fixed(high));
      }
      case 2 -> new PortChoice.Range(service(), single());
      default -> single();
    };
  }

  private PortChoice.Single single() {
    return random.nextBoolean() ? new PortChoice.Fixed(1 + random.nextInt(65535)) : service();
  }

  private PortChoice.Single service() {
    return new PortChoice.Service(word(6) + "-s" + word(6));
  }

  private UnixAddress unixAddress() {
    String name = word(60) + (random.nextBoolean() ? "" : " :/" + word(30));
    // Only the abstract name leaves ASCII: under LC_ALL=C the JDK has no such paths.
    return random.nextBoolean()
        ? new UnixAddress.Abstract(name + "é")
        : new UnixAddress.Path(Path.of("/" + name));
  }

  private String word(int longest) {
    StringBuilder word = new StringBuilder();
    for (int i = random.nextInt(longest); i >= 0; i--) {
      word.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
    }
    return word.toString();
  }
}
