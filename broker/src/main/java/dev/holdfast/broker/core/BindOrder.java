package dev.holdfast.broker.core;

import dev.holdfast.listener.ListenerName;

/**
 * A listener to be bound.
 *
 * @param listening false when it must not listen yet, because nobody serves it and its policy is to
 *     refuse
 */
public record BindOrder(ListenerName name, ListenerConfig config, boolean listening) {}
