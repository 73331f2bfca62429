package dev.holdfast.varlink;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** Bytes that are being put together; grows as needed and can be used again. One thread. */
public final class ByteSink {
  private byte[] bytes;
  private int length;

  public ByteSink(int capacity) {
    bytes = new byte[Math.max(16, capacity)];
  }

  public int length() {
    return length;
  }

  /** Forgets the bytes, keeps the room. */
  public void clear() {
    length = 0;
  }

  /** The bytes so far, without a copy: good until the next change of this sink. */
  public ByteBuffer view() {
    return ByteBuffer.wrap(bytes, 0, length);
  }

  /** The array behind; the bytes are the first {@link #length}. */
  byte[] array() {
    return bytes;
  }

  /** Appends all that remains of {@code from}. */
  public void append(ByteBuffer from) {
    int count = from.remaining();
    reserve(count);
    from.get(bytes, length, count);
    length += count;
  }

  void put(int value) {
    reserve(1);
    bytes[length++] = (byte) value;
  }

  /** Appends text of which the caller knows that it is ASCII. */
  @SuppressWarnings("deprecation") // Drops the high bytes, and ASCII has none: no copy, no encoder.
  void putAscii(String text) {
    reserve(text.length());
    text.getBytes(0, text.length(), bytes, length);
    length += text.length();
  }

  private void reserve(int more) {
    if (bytes.length - length < more) {
      bytes = Arrays.copyOf(bytes, Math.max(Math.addExact(length, more), bytes.length * 2));
    }
  }
}
