package dev.holdfast.agent.adopt.nio;

/** Stands in for {@code sun.nio.ch.NativeObject}. */
class NativeObject {
  NativeObject(long address) {}

  final native byte getByte(int offset);

  final native short getShort(int offset);

  final native void putShort(int offset, short value);

  final native int getInt(int offset);

  final native void putInt(int offset, int value);

  final native long getLong(int offset);
}
