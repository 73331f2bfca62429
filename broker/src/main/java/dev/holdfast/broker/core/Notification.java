package dev.holdfast.broker.core;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What a program said on its notify socket, in the words of sd_notify(3). Descriptors to store and
 * a new main process are no business of the state, and not in it.
 *
 * @param ready READY=1
 * @param stopping STOPPING=1
 * @param watchdog WATCHDOG=1: it is alive
 * @param failing WATCHDOG=trigger: it is to be treated as if it were not
 * @param status STATUS=…; null when it said none
 * @param extend EXTEND_TIMEOUT_USEC=…: how long from now the present deadline lasts at least
 */
public record Notification(
    boolean ready,
    boolean stopping,
    boolean watchdog,
    boolean failing,
    @Nullable String status,
    @Nullable Duration extend) {}
