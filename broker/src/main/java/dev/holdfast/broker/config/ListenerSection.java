package dev.holdfast.broker.config;

import dev.holdfast.broker.core.Companion;
import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.Principal;
import dev.holdfast.broker.core.SocketSettings;
import dev.holdfast.listener.ListenSpec;
import java.time.Duration;
import java.util.List;

/** {@code [listener.NAME]}. */
final class ListenerSection {

  static final Key<ListenSpec> LISTEN = Key.of("listen", Readers::listenSpec);
  static final Key<Integer> BACKLOG = Key.of("backlog", Readers.integer(1, 65535), Fit.CONNECTIONS);
  static final Key<Boolean> BLOCKING = Key.of("blocking", Readers::flag);
  static final Key<IdlePolicy> IDLE = Key.of("idle", Readers::idle, Fit.CONNECTIONS);
  static final Key<Companion> COMPANION = Key.of("companion", Companions::read, Fit.TCP);
  static final Key<List<Principal>> ALLOW = Key.of("allow", Principals::list);
  static final Key<Boolean> V6ONLY = Key.of("v6only", Readers::flag, Fit.IPV6);
  static final Key<Boolean> FREEBIND = Key.of("freebind", Readers::flag, Fit.INET);
  static final Key<String> DEVICE = Key.of("device", Readers::device, Fit.INET);
  static final Key<Duration> DEFER_ACCEPT =
      Key.of("defer-accept", Quantities::wholeSeconds, Fit.TCP);
  static final Key<Integer> FAST_OPEN = Key.of("fast-open", Readers.integer(1, 65535), Fit.TCP);
  static final Key<Boolean> KEEPALIVE = Key.of("keepalive", Readers::flag, Fit.TCP);
  static final Key<Integer> RECEIVE_BUFFER = Key.of("receive-buffer", Quantities::size);
  static final Key<Integer> SEND_BUFFER = Key.of("send-buffer", Quantities::size);
  static final Key<Integer> MARK = Key.of("mark", Readers::unsigned, Fit.INET);
  static final Key<Integer> MODE = Key.of("mode", Readers::mode, Fit.PATH);
  static final Key<Integer> OWNER = Key.of("owner", Principals::owner, Fit.PATH);
  static final Key<Integer> GROUP = Key.of("group", Principals::group, Fit.PATH);

  static final Section SECTION =
      new Section(
          LISTEN,
          BACKLOG,
          BLOCKING,
          IDLE,
          COMPANION,
          ALLOW,
          V6ONLY,
          FREEBIND,
          DEVICE,
          DEFER_ACCEPT,
          FAST_OPEN,
          KEEPALIVE,
          RECEIVE_BUFFER,
          SEND_BUFFER,
          MARK,
          MODE,
          OWNER,
          GROUP);

  private ListenerSection() {}

  /** Reports the keys that are not for such a listener. */
  static void checkFit(String title, ListenSpec spec, Values values) {
    values
        .settings()
        .forEach(
            (key, setting) -> {
              if (!key.fit().suits(spec)) {
                setting.wrong(
                    key.name()
                        + " is for "
                        + key.fit().whom()
                        + "; "
                        + title
                        + " listens on "
                        + spec);
              }
            });
  }

  static ListenerConfig config(ListenSpec spec, Values values) {
    ListenerConfig otherwise = ListenerConfig.of(spec);
    return new ListenerConfig(
        spec,
        values.get(BACKLOG, otherwise.backlog()),
        values.get(BLOCKING, otherwise.blocking()),
        values.get(IDLE, otherwise.idle()),
        values.get(COMPANION, otherwise.companion()),
        values.get(ALLOW, otherwise.allow()),
        socket(values));
  }

  private static SocketSettings socket(Values values) {
    return new SocketSettings(
        values.get(V6ONLY),
        values.get(FREEBIND, SocketSettings.DEFAULT.freebind()),
        values.get(DEVICE),
        values.get(DEFER_ACCEPT),
        values.get(FAST_OPEN),
        values.get(KEEPALIVE),
        values.get(RECEIVE_BUFFER),
        values.get(SEND_BUFFER),
        values.get(MARK),
        values.get(MODE),
        values.get(OWNER),
        values.get(GROUP));
  }
}
