package dev.holdfast.broker.config;

import dev.holdfast.broker.core.BrokerConfig.Limits;
import dev.holdfast.broker.core.Principal;
import dev.holdfast.fd.UnixAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** {@code [broker]}. */
final class BrokerSection {

  static final Key<UnixAddress> SOCKET = Key.of("socket", Readers::unixAddress);
  static final Key<Path> STATE = Key.of("state", Readers::absolutePath);
  static final Key<Integer> MODE = Key.of("mode", Readers::mode);
  static final Key<Integer> OWNER = Key.of("owner", Principals::owner);
  static final Key<Integer> GROUP = Key.of("group", Principals::group);
  static final Key<List<Principal>> CONTROL = Key.of("control", Principals::list);
  static final Key<List<Principal>> STORE = Key.of("store", Principals::list);
  static final Key<List<Principal>> RETRIEVE = Key.of("retrieve", Principals::list);
  static final Key<Integer> CONNECTIONS_PER_UID =
      Key.of("connections-per-uid", Readers.integer(1, 1_000_000));
  static final Key<Duration> FRAME_TIME = Key.of("frame-time", Quantities.duration("10ms", "1h"));
  static final Key<Duration> SILENT_TIME = Key.of("silent-time", Quantities.duration("10ms", "1h"));
  static final Key<Duration> DRAIN_TIME = Key.of("drain-time", Quantities.duration("0s", "8760h"));
  static final Key<Duration> AUDIT_EVERY = Key.of("audit-every", Quantities.duration("10ms", "1h"));
  static final Key<Integer> STORED = Key.of("stored", Readers.integer(0, 1_000_000));

  static final Section SECTION =
      new Section(
          SOCKET,
          STATE,
          MODE,
          OWNER,
          GROUP,
          CONTROL,
          STORE,
          RETRIEVE,
          CONNECTIONS_PER_UID,
          FRAME_TIME,
          SILENT_TIME,
          DRAIN_TIME,
          AUDIT_EVERY,
          STORED);

  private BrokerSection() {}

  static Limits limits(Values values) {
    Limits otherwise = Limits.DEFAULT;
    return new Limits(
        values.get(CONNECTIONS_PER_UID, otherwise.connectionsPerUid()),
        values.get(FRAME_TIME, otherwise.frameTime()),
        values.get(SILENT_TIME, otherwise.silentTime()),
        values.get(STORED, otherwise.stored()),
        values.get(DRAIN_TIME, otherwise.drainTime()),
        values.get(AUDIT_EVERY, otherwise.auditEvery()));
  }
}
