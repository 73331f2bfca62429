package dev.holdfast.agent.cli;

import java.util.Map;
import java.util.Stack;
import picocli.CommandLine.IParameterPreprocessor;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/**
 * For an option that may stand without a value: the value has to be attached with {@code =}, and
 * the word behind the option is never taken for it, be it as it may.
 */
final class AttachedValue implements IParameterPreprocessor {

  @Override
  @SuppressWarnings("JdkObsolete") // picocli's own type
  public boolean preprocess(
      Stack<String> words, CommandSpec command, ArgSpec option, Map<String, Object> info) {
    if (option.getValue() != null) {
      // As the parser itself says it, which no longer sees to this option.
      throw new ParameterException(
          command.commandLine(), "option '--javaagent' should be specified only once");
    }
    boolean attached = "=".equals(info.get("separator"));
    option.setValue(attached ? words.pop() : "");
    return true;
  }
}
