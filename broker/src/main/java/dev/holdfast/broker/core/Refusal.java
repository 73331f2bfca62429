package dev.holdfast.broker.core;

/** A request refused by rule; each is a named error on the wire. */
public sealed interface Refusal {

  record NoSuchListener(String name) implements Refusal {}

  record NoSuchLease(String lease) implements Refusal {}

  record NoSuchDescriptor(String name) implements Refusal {}

  record NotPermitted(String name, String right) implements Refusal {}

  record ListenerStopped(String name) implements Refusal {}

  record LimitReached(String limit, int value) implements Refusal {}

  record BindFailed(String name, String endpoint, String errno, String message)
      implements Refusal {}

  record Conflict(String name, String heldBy) implements Refusal {}

  record ReloadFailed(String message) implements Refusal {}

  record InvalidParameter(String parameter) implements Refusal {}

  record NoSuchService(String service) implements Refusal {}

  /** A restart, scale or start ended without what was asked for; the old workers serve on. */
  record RestartFailed(String service, String reason) implements Refusal {}

  /** One is under way: a service has one restart, scale, stop or start at a time. */
  record ServiceBusy(String service, String operation) implements Refusal {}

  record ServiceStopped(String service) implements Refusal {}

  /** Its workers are the broker's: nobody else's worker replaces them. */
  record ServiceSupervised(String service) implements Refusal {}

  record ShuttingDown() implements Refusal {}
}
