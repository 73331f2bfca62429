package dev.holdfast.broker.survive;

import static dev.holdfast.broker.survive.Members.unless;

import dev.holdfast.broker.core.Account;
import dev.holdfast.broker.core.Launch;
import dev.holdfast.broker.core.Output;
import dev.holdfast.broker.core.ResourceLimit;
import dev.holdfast.varlink.JsonObject;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** How a worker's process is made. */
final class LaunchText {

  private LaunchText() {}

  static JsonObject write(Launch launch) {
    return JsonObject.builder()
        .put("command", launch.command())
        .put("sandbox", unless(launch.sandbox(), List.of()))
        .put("account", account(launch.account()))
        .put("directory", Members.maybe(launch.directory()))
        .put("environment", unless(launch.environment(), Map.of()))
        .put("umask", launch.umask())
        .put("limits", unless(launch.limits().stream().map(LaunchText::limit).toList(), List.of()))
        .put("nice", launch.nice())
        .put("noNewPrivileges", unless(launch.noNewPrivileges(), false))
        .put(
            "output", launch.output() instanceof Output.ToFile file ? file.path().toString() : null)
        .build();
  }

  static Launch read(Members in) throws UnreadableException {
    SortedMap<String, String> environment = in.maybe("environment", LaunchText::readEnvironment);
    Path output = in.maybePath("output");
    return new Launch(
        in.texts("command"),
        in.texts("sandbox"),
        in.maybe("account", LaunchText::readAccount),
        in.maybePath("directory"),
        environment == null ? new TreeMap<>() : environment,
        in.maybeInteger("umask"),
        in.all("limits", LaunchText::readLimit),
        in.maybeInteger("nice"),
        in.flag("noNewPrivileges"),
        output == null ? new Output.Journal() : new Output.ToFile(output));
  }

  private static SortedMap<String, String> readEnvironment(Members in) throws UnreadableException {
    SortedMap<String, String> environment = new TreeMap<>();
    for (String name : in.object().members().keySet()) {
      environment.put(name, in.text(name));
    }
    return environment;
  }

  private static @Nullable JsonObject account(@Nullable Account account) {
    return account == null
        ? null
        : JsonObject.builder()
            .put("name", account.name())
            .put("uid", Members.id(account.uid()))
            .put("gid", Members.id(account.gid()))
            .put("groups", Members.ids(account.groups()))
            .put("home", account.home())
            .put("shell", account.shell())
            .build();
  }

  private static Account readAccount(Members in) throws UnreadableException {
    return new Account(
        in.text("name"),
        in.id("uid"),
        in.id("gid"),
        in.ids("groups"),
        in.text("home"),
        in.text("shell"));
  }

  private static JsonObject limit(ResourceLimit limit) {
    return JsonObject.of(
        "resource", limit.resource().word(), "soft", limit.soft(), "hard", limit.hard());
  }

  private static ResourceLimit readLimit(Members in) throws UnreadableException {
    return new ResourceLimit(
        in.word("resource", ResourceLimit.Resource.values(), ResourceLimit.Resource::word),
        in.number("soft"),
        in.number("hard"));
  }
}
