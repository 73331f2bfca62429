package dev.holdfast.broker.control;

import dev.holdfast.broker.bind.ListenerSockets;
import dev.holdfast.broker.core.Answer;
import dev.holdfast.broker.core.Event;
import dev.holdfast.broker.core.Refusal;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.varlink.Call;
import dev.holdfast.varlink.DeclaredDescriptors;
import dev.holdfast.varlink.JsonObject;
import dev.holdfast.varlink.Reply;
import dev.holdfast.varlink.VarlinkException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Puts the state's answers on the connections that wait for them, with the descriptors that belong
 * to them.
 */
public final class Answers {

  private final Connections connections;
  private final ListenerSockets sockets;
  private final StoredDescriptors stored;
  private final NotifyAddresses notify;
  private final Consumer<Event> events;
  private final Wire wire;

  Answers(
      Connections connections,
      ListenerSockets sockets,
      StoredDescriptors stored,
      NotifyAddresses notify,
      Consumer<Event> events) {
    this.connections = connections;
    this.sockets = sockets;
    this.stored = stored;
    this.notify = notify;
    this.events = events;
    this.wire = new Wire(sockets);
  }

  /**
   * Answers the call that waits on the connection; one that is gone loses what was granted to it.
   */
  public void answer(long id, Answer answer) {
    Optional<Connection> found = connections.find(id);
    if (answer instanceof Answer.Refused) {
      forgetPidfd(id); // an Acquire or an Adopt was prepared for; there is no lease to follow it
    }
    if (found.isEmpty() || found.get().call() == null) {
      lost(answer);
      return;
    }
    answer(found.get(), found.get().call(), answer);
  }

  private void lost(Answer answer) {
    if (answer instanceof Answer.Granted granted) {
      events.accept(new Event.Undelivered(granted.lease()));
    } else if (answer instanceof Answer.Retrieved retrieved && retrieved.moved()) {
      stored.discard(retrieved.descriptor());
    }
  }

  /** A process that was prepared for a lease is not followed. */
  private void forgetPidfd(long id) {
    connections.takePidfd(id).ifPresent(Pidfd::close);
  }

  private void answer(
      Connection connection, @org.jspecify.annotations.Nullable Call call, Answer answer) {
    if (call == null) {
      return;
    }
    if (answer instanceof Answer.Granted granted) {
      grant(connection, call.parameters(), granted.lease(), granted.sockets(), granted.program());
    } else if (answer instanceof Answer.Refused refused) {
      error(connection, Wire.error(call.interfaceName(), refused.refusal()));
    } else if (answer instanceof Answer.Done) {
      plain(connection, Reply.of(JsonObject.EMPTY));
    } else if (answer instanceof Answer.State state) {
      JsonObject parameters = Wire.state(state);
      plain(
          connection,
          call.more() && !state.last() ? Reply.continued(parameters) : Reply.of(parameters));
    } else if (answer instanceof Answer.Progress progress) {
      progress(connection, call, progress);
    } else if (answer instanceof Answer.Happened happened) {
      plain(connection, Reply.continued(Wire.event(happened.notice())));
    } else if (answer instanceof Answer.Restored restored) {
      List<String> names = restored.accepted().stream().map(ListenerName::value).toList();
      plain(connection, Reply.of(JsonObject.of("accepted", names)));
    } else if (answer instanceof Answer.AdoptedListener adopted) {
      plain(
          connection,
          Reply.of(
              JsonObject.of(
                  "listener",
                  wire.listener(adopted.listener()),
                  "lease",
                  adopted.lease().value())));
    } else if (answer instanceof Answer.OneListener one) {
      plain(connection, Reply.of(JsonObject.of("listener", wire.listener(one.listener()))));
    } else if (answer instanceof Answer.Retrieved retrieved) {
      retrieve(connection, retrieved);
    } else if (answer instanceof Answer.Listing listing) {
      list(connection, call, listing);
    } else if (answer instanceof Answer.Snapshot snapshot) {
      snapshot(connection, snapshot);
    } else if (answer instanceof Answer.Reloaded reloaded) {
      JsonObject services = changes(reloaded.services()).build();
      plain(connection, Reply.of(changes(reloaded.listeners()).put("services", services).build()));
    }
  }

  private static JsonObject.Builder changes(Answer.Changes made) {
    return JsonObject.builder()
        .put("added", made.added())
        .put("changed", made.changed())
        .put("removed", made.removed());
  }

  private static void plain(Connection connection, Reply reply) {
    // A peer that is gone by now has its connection closed, which is all there is to do.
    boolean unused = connection.reply(reply, List.of());
  }

  static void error(Connection connection, VarlinkException error) {
    plain(connection, error.toReply());
  }

  /** Each step is told to a caller who wants more, and the last one to any. */
  private static void progress(Connection connection, Call call, Answer.Progress progress) {
    JsonObject parameters = JsonObject.of("step", Wire.step(progress));
    if (progress.last()) {
      plain(connection, Reply.of(parameters));
    } else if (call.more()) {
      plain(connection, Reply.continued(parameters));
    }
  }

  /**
   * Passes the next sockets of a grant; the rest waits for the caller to ask again.
   *
   * @param program whether a notify socket goes with these, which are the first then
   */
  void grant(
      Connection connection,
      JsonObject request,
      LeaseId lease,
      List<Answer.Passed> sockets,
      boolean program) {
    int count = Math.min(sockets.size(), DeclaredDescriptors.MOST);
    List<OwnedFd> borrowed = new ArrayList<>(count);
    List<JsonObject> described = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      Optional<OwnedFd> fd = this.sockets.descriptor(sockets.get(i).socket().id());
      if (fd.isEmpty()) { // it broke between the grant and now; half a grant is none
        String name = sockets.get(i).listener().value();
        error(connection, Wire.error(Methods.WORKER, new Refusal.ListenerStopped(name)));
        events.accept(new Event.Undelivered(lease));
        return;
      }
      described.add(Wire.socket(sockets.get(i), borrowed.size()));
      borrowed.add(fd.get());
    }
    boolean remaining = sockets.size() > count;
    connection.continueWith(
        remaining
            ? new Continuation(request, lease, sockets.subList(count, sockets.size()))
            : null);
    JsonObject.Builder parameters =
        JsonObject.builder()
            .put("lease", lease.value())
            .put("sockets", described)
            .put("remaining", remaining);
    if (program) {
      notify
          .open(lease, connection.caller().uid())
          .ifPresent(path -> parameters.put("notifySocket", path));
    }
    Reply reply = Reply.of(parameters.build());
    if (!connection.reply(reply, borrowed)) {
      events.accept(new Event.Undelivered(lease));
    }
  }

  private void retrieve(Connection connection, Answer.Retrieved retrieved) {
    Optional<OwnedFd> fd = stored.get(retrieved.descriptor());
    if (fd.isPresent()) {
      boolean unused =
          connection.reply(
              Reply.of(JsonObject.of(DeclaredDescriptors.INDEX, 0)), List.of(fd.get()));
    }
    if (retrieved.moved()) {
      stored.discard(retrieved.descriptor());
    }
  }

  private void list(Connection connection, Call call, Answer.Listing listing) {
    List<Listing> parts = Listing.parts(listing);
    if (!call.more() && parts.size() > 1) {
      error(connection, VarlinkException.expectedMore());
      return;
    }
    List<Supplier<Reply>> replies = new ArrayList<>(parts.size());
    for (int i = 0; i < parts.size(); i++) {
      Listing part = parts.get(i);
      boolean last = i == parts.size() - 1;
      replies.add(
          () -> {
            JsonObject parameters =
                JsonObject.builder()
                    .put("listeners", each(part.listeners(), wire::listener))
                    .put("leases", Wire.leases(part.leases()))
                    .put("stored", each(part.stored(), Wire::stored))
                    .put("services", each(part.services(), Wire::service))
                    .build();
            return last ? Reply.of(parameters) : Reply.continued(parameters);
          });
    }
    connection.replyEach(replies);
  }

  private void snapshot(Connection connection, Answer.Snapshot snapshot) {
    List<Supplier<Reply>> replies = new ArrayList<>();
    for (Listing part : Listing.parts(snapshot)) {
      replies.add(
          () ->
              Reply.continued(
                  JsonObject.of(
                      "listeners", each(part.listeners(), wire::listener),
                      "leases", Wire.leases(part.leases()))));
    }
    connection.replyEach(replies);
  }

  private static <T> List<JsonObject> each(List<T> all, Function<T, JsonObject> writer) {
    return all.stream().map(writer).toList();
  }

  /** Closes a descriptor that the state does not keep. */
  public void discard(long descriptor) {
    stored.discard(descriptor);
  }
}
