package dev.holdfast.agent.adopt;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The constants of a class file (JVMS 4.4), which can be changed so that its code calls other
 * methods, or has other names. No instruction is touched, so nothing else of the file has to be
 * understood: an {@code invokestatic} names its method by an index, and what stands there is
 * replaced by a method of the same descriptor.
 *
 * <p>A library that rewrites code would cost a server some hundred milliseconds of its start.
 */
final class ConstantPool {

  private static final int UTF8 = 1;
  private static final int LONG = 5;
  private static final int DOUBLE = 6;
  private static final int CLASS = 7;
  private static final int METHOD = 10;
  private static final int NAME_AND_TYPE = 12;
  private static final int COUNT_AT = 8;
  private static final int MOST = 0xffff;

  private final byte[] file;
  private final List<byte[]> entries = new ArrayList<>(); // by index; empty where there is none
  private final int end;

  /**
   * @throws IllegalArgumentException if it is no class file
   */
  ConstantPool(byte[] file) {
    this.file = file;
    ByteBuffer in = ByteBuffer.wrap(file);
    if (file.length < COUNT_AT + 2 || in.getInt(0) != 0xCAFEBABE) {
      throw new IllegalArgumentException("not a class file");
    }
    int count = in.getShort(COUNT_AT) & MOST;
    int at = COUNT_AT + 2;
    entries.add(new byte[0]);
    while (entries.size() < count) {
      int length = length(in, at);
      byte[] entry = new byte[length];
      in.get(at, entry);
      entries.add(entry);
      if (entry[0] == LONG || entry[0] == DOUBLE) {
        entries.add(new byte[0]); // these two take two places
      }
      at += length;
    }
    end = at;
  }

  /** Whether a plain text is anywhere in the file: most files need not be taken apart. */
  static boolean mentions(byte[] file, String text) {
    int last = file.length - text.length();
    for (int at = COUNT_AT; at <= last; at++) {
      int same = 0;
      while (same < text.length() && file[at + same] == text.charAt(same)) {
        same++;
      }
      if (same == text.length()) {
        return true;
      }
    }
    return false;
  }

  private static int length(ByteBuffer in, int at) {
    int tag = in.get(at);
    return switch (tag) {
      case UTF8 -> 3 + (in.getShort(at + 1) & MOST);
      case 3, 4, 9, METHOD, 11, NAME_AND_TYPE, 17, 18 -> 5;
      case LONG, DOUBLE -> 9;
      case CLASS, 8, 16, 19, 20 -> 3;
      case 15 -> 4;
      default -> throw new IllegalArgumentException("a constant of the unknown kind " + tag);
    };
  }

  /**
   * Has every call of this method go to another one, which must be static as it is, and take and
   * return the same.
   *
   * @return whether the class calls it at all
   */
  boolean redirect(String owner, String name, String descriptor, String toOwner, String toName) {
    boolean found = false;
    int count = entries.size();
    byte[] wantedOwner = textEntry(owner);
    byte[] wantedName = textEntry(name);
    byte[] wantedDescriptor = textEntry(descriptor);
    for (int i = 1; i < count; i++) {
      byte[] entry = entries.get(i);
      if (entry.length == 0 || entry[0] != METHOD) {
        continue;
      }
      byte[] nameAndType = entries.get(number(entry, 3));
      if (Arrays.equals(entries.get(number(nameAndType, 1)), wantedName)
          && Arrays.equals(entries.get(number(nameAndType, 3)), wantedDescriptor)
          && Arrays.equals(entries.get(number(entries.get(number(entry, 1)), 1)), wantedOwner)) {
        int type = add(CLASS, addText(toOwner));
        int signature = add(NAME_AND_TYPE, addText(toName), number(nameAndType, 3));
        entries.set(i, entry(METHOD, type, signature));
        found = true;
      }
    }
    return found;
  }

  /** Replaces a part of each name, descriptor and string. */
  void rename(String from, String to) {
    for (int i = 1; i < entries.size(); i++) {
      if (isPlainText(i)) {
        entries.set(i, textEntry(text(i).replace(from, to)));
      }
    }
  }

  /** Puts something before each text that begins so; nothing else does, that is a string. */
  void prefix(String beginning, String before) {
    for (int i = 1; i < entries.size(); i++) {
      if (isPlainText(i) && text(i).startsWith(beginning)) {
        entries.set(i, textEntry(before + text(i)));
      }
    }
  }

  /** The format has an encoding of its own, which is the same as UTF-8 for ASCII. */
  private boolean isPlainText(int index) {
    byte[] entry = entries.get(index);
    for (int i = 3; i < entry.length; i++) {
      if (entry[i] < 0) {
        return false;
      }
    }
    return entry.length != 0 && entry[0] == UTF8;
  }

  byte[] toClassFile() {
    if (entries.size() > MOST) {
      throw new IllegalArgumentException("no room for more constants");
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream(file.length + 1024);
    out.write(file, 0, COUNT_AT);
    out.write(entries.size() >> 8);
    out.write(entries.size());
    for (byte[] entry : entries) {
      out.write(entry, 0, entry.length);
    }
    out.write(file, end, file.length - end);
    return out.toByteArray();
  }

  private int addText(String text) {
    entries.add(textEntry(text));
    return entries.size() - 1;
  }

  private int add(int tag, int... numbers) {
    entries.add(entry(tag, numbers));
    return entries.size() - 1;
  }

  private static byte[] entry(int tag, int... numbers) {
    byte[] entry = new byte[1 + 2 * numbers.length];
    entry[0] = (byte) tag;
    for (int i = 0; i < numbers.length; i++) {
      entry[1 + 2 * i] = (byte) (numbers[i] >> 8);
      entry[2 + 2 * i] = (byte) numbers[i];
    }
    return entry;
  }

  private static byte[] textEntry(String text) {
    byte[] bytes = text.getBytes(UTF_8);
    byte[] entry = new byte[3 + bytes.length];
    entry[0] = UTF8;
    entry[1] = (byte) (bytes.length >> 8);
    entry[2] = (byte) bytes.length;
    System.arraycopy(bytes, 0, entry, 3, bytes.length);
    return entry;
  }

  private String text(int index) {
    byte[] entry = entries.get(index);
    return new String(entry, 3, entry.length - 3, UTF_8);
  }

  private static int number(byte[] entry, int at) {
    return ((entry[at] & 0xff) << 8) | (entry[at + 1] & 0xff);
  }
}
