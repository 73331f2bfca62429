package dev.holdfast.broker.javaagent;

import java.util.concurrent.locks.LockSupport;

/** A program that binds nothing, and lives for some milliseconds. */
public final class ShortLife {
  private ShortLife() {}

  public static void main(String[] arguments) {
    long end = System.nanoTime() + Long.parseLong(arguments[0]) * 1_000_000;
    while (System.nanoTime() - end < 0) {
      LockSupport.parkNanos(end - System.nanoTime());
    }
  }
}
