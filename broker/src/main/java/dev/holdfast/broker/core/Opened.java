package dev.holdfast.broker.core;

import dev.holdfast.listener.ListenerName;
import java.util.Optional;

/** The sockets made for one {@link BindOrder}. */
public record Opened(ListenerName name, BoundSocket main, Optional<BoundSocket> companion) {}
