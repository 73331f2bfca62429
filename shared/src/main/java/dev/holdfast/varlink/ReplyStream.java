package dev.holdfast.varlink;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The replies to one call with {@code more}. One thread, the client's. */
public final class ReplyStream implements AutoCloseable {
  private final VarlinkClient client;
  private final String method;
  private boolean ended;

  ReplyStream(VarlinkClient client, String method) {
    this.client = client;
    this.method = method;
  }

  /**
   * Waits for the next reply. One that came only in part stays for the next time.
   *
   * @param atMost null to wait for ever
   * @return empty when there was none in time, and when the stream has ended
   * @throws VarlinkException if the service ends the stream with an error
   * @throws IOException if the connection breaks, or {@link VarlinkClient#close} was called
   */
  public Optional<JsonObject> next(@Nullable Duration atMost) throws IOException, VarlinkException {
    if (ended) {
      return Optional.empty();
    }
    Reply reply = client.nextOf(method, atMost);
    if (reply == null) {
      return Optional.empty();
    }
    ended = !reply.continues();
    if (reply.error() != null) {
      throw new VarlinkException(reply.error(), reply.parameters());
    }
    return Optional.of(reply.parameters());
  }

  /** Whether the last reply was returned; then the connection is free for other calls. */
  public boolean ended() {
    return ended;
  }

  /** Closes the connection, unless the stream has ended: there is no other way to leave it. */
  @Override
  public void close() {
    if (!ended) {
      client.close();
    }
  }
}
