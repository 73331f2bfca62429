package dev.holdfast.broker.javaagent;

import java.io.IOException;

/** Runs the command in its arguments, and ends as it does. */
public final class Parent {
  private Parent() {}

  public static void main(String[] arguments) throws IOException, InterruptedException {
    System.exit(new ProcessBuilder(arguments).inheritIO().start().waitFor());
  }
}
