package dev.holdfast.broker.control;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.InterfaceDescription;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.ProtocolException;
import dev.holdfast.varlink.Reply;
import dev.holdfast.varlink.VarlinkException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/**
 * The talk with a successor: its calls of Handover, one after the other, each answered before the
 * next. It begins with a call that waits. Blocks; the loop's thread, which does nothing else
 * meanwhile. What fails fails with a sentence that goes on after "the successor": "it closed the
 * connection".
 */
public final class Conversation implements AutoCloseable {

  static final String METHOD = "dev.holdfast.Control.Handover";

  private static final Duration A_MOMENT = Duration.ofSeconds(1);

  private final Connection connection;
  private final InterfaceDescription description =
      InterfaceDescription.loadResource("dev.holdfast.Control");

  Conversation(Connection connection) {
    this.connection = connection;
    connection.beginConversation();
  }

  /**
   * The parameters of the next call, which the interface's text allows.
   *
   * @throws java.net.SocketTimeoutException when it does not come in time
   * @throws java.io.EOFException when the successor has ended
   */
  public JsonObject receive(Duration atMost) throws IOException {
    Call call = connection.awaitCall(atMost);
    if (!call.method().equals(METHOD) || call.oneway() || call.more() || call.upgrade()) {
      throw new ProtocolException("it called " + call.method() + " within a handover");
    }
    try {
      description.check(description.method("Handover").orElseThrow().in(), call.parameters());
    } catch (VarlinkException e) {
      throw new ProtocolException("it called " + METHOD + " with " + e.parameters());
    }
    return call.parameters();
  }

  /**
   * Answers the call that waits.
   *
   * @param borrowed go with the answer; its parameters declare each by its fileDescriptorIndex
   */
  public void reply(JsonObject parameters, List<OwnedFd> borrowed, Duration atMost)
      throws IOException {
    connection.sendWhole(Reply.of(parameters), borrowed, atMost);
  }

  /**
   * Answers the call that waits with an error, as well as that goes: to a successor that is gone
   * there is nothing to say.
   *
   * @param error its full name
   */
  public void refuse(String error, JsonObject parameters) {
    try {
      connection.sendWhole(Reply.error(error, parameters), List.of(), A_MOMENT);
    } catch (IOException | IllegalStateException e) {
      // It is gone, or no call of its waits: it sees the connection's end.
    }
  }

  /** Ends it, and the connection with it. */
  @Override
  public void close() {
    connection.close(null);
  }
}
