package dev.holdfast.broker.core;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How a worker's process is made.
 *
 * @param command the program and its arguments. {@code {fd:NAME}} becomes the number of that
 *     listener's first descriptor, {@code {worker}} the worker's number
 * @param sandbox a command in front, which becomes or starts the program: {@code bwrap …}, {@code
 *     unshare -n}; empty for none
 * @param account null: the broker's own
 * @param directory null: the broker's own
 * @param environment added to the broker's own; placeholders as in the command
 * @param umask null: the broker's own
 * @param nice null: the broker's own
 */
public record Launch(
    List<String> command,
    List<String> sandbox,
    @Nullable Account account,
    @Nullable Path directory,
    SortedMap<String, String> environment,
    @Nullable Integer umask,
    List<ResourceLimit> limits,
    @Nullable Integer nice,
    boolean noNewPrivileges,
    Output output) {

  public Launch {
    command = List.copyOf(command);
    sandbox = List.copyOf(sandbox);
    environment = Collections.unmodifiableSortedMap(new TreeMap<>(environment));
    limits = List.copyOf(limits);
  }

  /** A command with everything else as the broker has it. */
  public static Launch of(List<String> command) {
    return new Launch(
        command,
        List.of(),
        null,
        null,
        new TreeMap<>(),
        null,
        List.of(),
        null,
        false,
        new Output.Journal());
  }
}
