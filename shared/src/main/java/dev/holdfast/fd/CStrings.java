package dev.holdfast.fd;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A NULL-terminated array of C strings, as exec takes them; keeps the strings reachable. */
final class CStrings {

  private final Memory array;
  private final List<Memory> strings = new ArrayList<>();

  CStrings(List<byte[]> entries) {
    array = new Memory((entries.size() + 1) * 8L);
    for (int i = 0; i < entries.size(); i++) {
      Memory string = terminated(entries.get(i));
      strings.add(string);
      array.setPointer(i * 8L, string);
    }
    array.setPointer(entries.size() * 8L, Pointer.NULL);
  }

  Memory array() {
    return array;
  }

  static Memory terminated(String text) {
    return terminated(text.getBytes(StandardCharsets.UTF_8));
  }

  static Memory terminated(byte[] bytes) {
    for (byte b : bytes) {
      if (b == 0) {
        throw new IllegalArgumentException(
            "a NUL in \""
                + new String(bytes, StandardCharsets.UTF_8)
                + "\": the kernel ends it there");
      }
    }
    Memory memory = new Memory(bytes.length + 1L);
    memory.write(0, bytes, 0, bytes.length);
    memory.setByte(bytes.length, (byte) 0);
    return memory;
  }
}
