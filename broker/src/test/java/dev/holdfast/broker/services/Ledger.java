package dev.holdfast.broker.services;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Where the counts of lost connections stand beside each other: ours and the yardstick's. */
public final class Ledger {
  private static final Path FILE = Path.of("target", "restart-report.txt");

  private Ledger() {}

  public static synchronized void note(String line) throws IOException {
    System.out.println(line);
    Files.writeString(FILE, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }
}
