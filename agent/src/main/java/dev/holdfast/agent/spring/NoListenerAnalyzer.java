package dev.holdfast.agent.spring;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Shows the message, which has the advice too, in the place of a stack trace. */
final class NoListenerAnalyzer extends AbstractFailureAnalyzer<NoListenerException> {

  @Override
  protected FailureAnalysis analyze(Throwable root, NoListenerException cause) {
    return new FailureAnalysis(String.valueOf(cause.getMessage()), "", cause);
  }
}
