package dev.holdfast.varlink;

/**
 * A call was refused with a named error of an interface. A service throws it to answer with an
 * error; a client gets it from the answer. The connection stays usable either way.
 */
public final class VarlinkException extends Exception {
  private static final String SERVICE = "org.varlink.service.";

  private final String error;
  private final transient JsonObject parameters;

  /** {@code error} is the full name, {@code interface.Error}. */
  public VarlinkException(String error, JsonObject parameters) {
    super(parameters.isEmpty() ? error : error + " " + parameters);
    this.error = error;
    this.parameters = parameters;
  }

  /** The full name: {@code dev.holdfast.Worker.NoSuchListener}. */
  public String error() {
    return error;
  }

  /** The error's data; empty when it has none. */
  public JsonObject parameters() {
    return parameters;
  }

  /** The reply that carries this error. */
  public Reply toReply() {
    return Reply.error(error, parameters);
  }

  /** A parameter is missing, unknown or of another type. */
  public static VarlinkException invalidParameter(String parameter) {
    return new VarlinkException(
        SERVICE + "InvalidParameter", JsonObject.of("parameter", parameter));
  }

  /** The service has no such interface. */
  public static VarlinkException interfaceNotFound(String interfaceName) {
    return new VarlinkException(
        SERVICE + "InterfaceNotFound", JsonObject.of("interface", interfaceName));
  }

  /** The interface has no such method. */
  public static VarlinkException methodNotFound(String method) {
    return new VarlinkException(SERVICE + "MethodNotFound", JsonObject.of("method", method));
  }

  /** The interface has the method, this service does not offer it. */
  public static VarlinkException methodNotImplemented(String method) {
    return new VarlinkException(SERVICE + "MethodNotImplemented", JsonObject.of("method", method));
  }

  /** The method answers more than once and was called without {@code more}. */
  public static VarlinkException expectedMore() {
    return new VarlinkException(SERVICE + "ExpectedMore", JsonObject.EMPTY);
  }
}
