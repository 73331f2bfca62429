package dev.holdfast.agent.cli;

import java.util.List;

/**
 * A verb that has {@code -- PROGRAM ARG…} behind its own words.
 *
 * <p>All of its words come as byte text (see {@link ByteText}), because arguments need not be text.
 */
interface TakesProgram {

  /** Whether the program may be left out. */
  boolean programIsOptional();

  /**
   * Given what stands behind the first {@code --}, before the verb runs; not at all without one.
   */
  void program(List<String> words);
}
