package dev.holdfast.broker.survive;

import static dev.holdfast.broker.survive.Members.unless;

import dev.holdfast.broker.core.BoundSocket;
import dev.holdfast.broker.core.Companion;
import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.Principal;
import dev.holdfast.broker.core.SocketKind;
import dev.holdfast.broker.core.SocketProof;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.listener.InvalidSpecException;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.varlink.JsonObject;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Listeners and their sockets. */
final class ListenerText {

  private ListenerText() {}

  static void write(Entry.OfListener entry, JsonObject.Builder out) {
    out.put("name", entry.name().value())
        .put("config", config(entry.config()))
        .put("configured", unless(entry.configured(), false))
        .put("socket", socket(entry.socket()))
        .put("companion", socket(entry.companion()))
        .put("healed", unless(entry.healed(), 0))
        .put("flagsRestored", unless(entry.flagsRestored(), 0))
        .put("backlogRestored", unless(entry.backlogRestored(), 0));
  }

  static Entry.OfListener read(Members in) throws UnreadableException {
    return new Entry.OfListener(
        in.as("name", ListenerName::new),
        in.read("config", ListenerText::readConfig),
        in.flag("configured"),
        in.maybe("socket", ListenerText::readSocket),
        in.maybe("companion", ListenerText::readSocket),
        in.integer("healed", 0),
        in.integer("flagsRestored", 0),
        in.integer("backlogRestored", 0));
  }

  private static JsonObject config(ListenerConfig config) {
    return JsonObject.builder()
        .put("spec", config.spec().toString())
        .put("backlog", config.backlog())
        .put("blocking", unless(config.blocking(), false))
        .put("idle", config.idle().word())
        .put("companion", companion(config.companion()))
        .put("allow", unless(config.allow().stream().map(ListenerText::principal).toList(), EMPTY))
        .put("options", unless(settings(config.socket()), JsonObject.EMPTY))
        .build();
  }

  private static final List<JsonObject> EMPTY = List.of();

  private static ListenerConfig readConfig(Members in) throws UnreadableException {
    SocketSettings settings = in.maybe("options", ListenerText::readSettings);
    return new ListenerConfig(
        readSpec(in),
        in.integer("backlog"),
        in.flag("blocking"),
        in.word("idle", IdlePolicy.values(), IdlePolicy::word),
        readCompanion(in),
        in.all("allow", ListenerText::readPrincipal),
        settings == null ? SocketSettings.DEFAULT : settings);
  }

  private static ListenSpec readSpec(Members in) throws UnreadableException {
    try {
      return ListenSpec.parse(in.text("spec"));
    } catch (InvalidSpecException e) {
      throw in.unreadable("spec", e.message());
    }
  }

  /** The word of the abstract name is no absolute path, as directories are. */
  private static @Nullable String companion(Companion companion) {
    if (companion instanceof Companion.InDirectory in) {
      return "in:" + in.directory();
    }
    return companion instanceof Companion.AbstractName ? "abstract" : null;
  }

  private static Companion readCompanion(Members in) throws UnreadableException {
    String text = in.maybeText("companion");
    if (text == null) {
      return new Companion.None();
    } else if (text.equals("abstract")) {
      return new Companion.AbstractName();
    } else if (text.startsWith("in:")) {
      return in.as("companion", word -> new Companion.InDirectory(Path.of(word.substring(3))));
    }
    throw in.unreadable("companion", "nobody here knows \"" + text + "\"");
  }

  private static JsonObject principal(Principal principal) {
    if (principal instanceof Principal.User user) {
      return JsonObject.of("uid", Members.id(user.uid()));
    } else if (principal instanceof Principal.Group group) {
      return JsonObject.of("gid", Members.id(group.gid()));
    }
    return JsonObject.of("all", true);
  }

  private static Principal readPrincipal(Members in) throws UnreadableException {
    Integer uid = in.maybeId("uid");
    Integer gid = in.maybeId("gid");
    if (uid != null) {
      return new Principal.User(uid);
    } else if (gid != null) {
      return new Principal.Group(gid);
    } else if (in.flag("all")) {
      return new Principal.Everybody();
    }
    // To allow less than was meant is safe, to allow all is not.
    throw in.unreadable("uid", "nobody here knows whom " + in.object() + " means");
  }

  private static JsonObject settings(SocketSettings socket) {
    return JsonObject.builder()
        .put("v6only", socket.v6only())
        .put("freebind", unless(socket.freebind(), false))
        .put("device", socket.device())
        .put("deferAccept", Members.maybe(socket.deferAccept()))
        .put("fastOpen", socket.fastOpen())
        .put("keepalive", socket.keepalive())
        .put("receiveBuffer", socket.receiveBuffer())
        .put("sendBuffer", socket.sendBuffer())
        .put("mark", socket.mark())
        .put("mode", socket.mode())
        .put("uid", Members.maybeId(socket.uid()))
        .put("gid", Members.maybeId(socket.gid()))
        .build();
  }

  private static SocketSettings readSettings(Members in) throws UnreadableException {
    return new SocketSettings(
        in.maybeFlag("v6only"),
        in.flag("freebind"),
        in.maybeText("device"),
        in.maybeDuration("deferAccept"),
        in.maybeInteger("fastOpen"),
        in.maybeFlag("keepalive"),
        in.maybeInteger("receiveBuffer"),
        in.maybeInteger("sendBuffer"),
        in.maybeInteger("mark"),
        in.maybeInteger("mode"),
        in.maybeId("uid"),
        in.maybeId("gid"));
  }

  private static @Nullable JsonObject socket(@Nullable BoundSocket socket) {
    if (socket == null) {
      return null;
    }
    SocketProof proof = socket.proof();
    SocketProof.PathProof path = proof.path();
    return JsonObject.builder()
        .put("id", socket.id())
        .put("endpoint", socket.endpoint())
        .put("kind", socket.kind().word())
        .put("port", unless(socket.port(), 0))
        .put("inode", unless(proof.inode(), 0L))
        .put("cookie", unless(proof.cookie(), 0L))
        .put("path", path == null ? null : path(path))
        .build();
  }

  private static JsonObject path(SocketProof.PathProof path) {
    return JsonObject.of(
        "identity", path.identity(),
        "uid", Members.id(path.bornUid()),
        "gid", Members.id(path.bornGid()));
  }

  private static BoundSocket readSocket(Members in) throws UnreadableException {
    return new BoundSocket(
        in.number("id"),
        in.text("endpoint"),
        in.word("kind", SocketKind.values(), SocketKind::word),
        in.integer("port", 0),
        new SocketProof(
            in.number("inode", 0),
            in.number("cookie", 0),
            in.maybe(
                "path",
                path ->
                    new SocketProof.PathProof(
                        path.text("identity"), path.id("uid"), path.id("gid")))));
  }
}
