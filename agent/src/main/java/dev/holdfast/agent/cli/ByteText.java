package dev.holdfast.agent.cli;

import dev.holdfast.fd.Exec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Strings that hold bytes, one in each character (ISO 8859-1): the words of a command line as the
 * kernel has them. The JVM decodes arguments by the locale, and what is not text there is lost.
 */
final class ByteText {

  private ByteText() {}

  static byte[] bytes(String byteText) {
    return byteText.getBytes(StandardCharsets.ISO_8859_1);
  }

  static String of(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  /** The byte text of ordinary text. */
  static String encode(String text) {
    return of(text.getBytes(StandardCharsets.UTF_8));
  }

  /** The ordinary text, for messages and for Java's own API. */
  static String decode(String byteText) {
    return new String(bytes(byteText), StandardCharsets.UTF_8);
  }

  /**
   * The arguments of this process as byte text. Reads /proc only when there is something in them
   * that is not ASCII, which is the same in both.
   */
  static String[] arguments(String[] decoded) throws IOException {
    boolean ascii = true;
    for (String word : decoded) {
      for (int i = 0; i < word.length(); i++) {
        ascii &= word.charAt(i) < 0x80;
      }
    }
    if (ascii) {
      return decoded;
    }
    List<byte[]> raw = Exec.lastArguments(decoded.length);
    String[] words = new String[decoded.length];
    for (int i = 0; i < words.length; i++) {
      words[i] = of(raw.get(i));
    }
    return words;
  }
}
