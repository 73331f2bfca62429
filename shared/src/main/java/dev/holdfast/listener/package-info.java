/**
 * What a listener is called, where it shall listen, and where it does: names, the grammar of listen
 * specs, endpoints, and the services database.
 *
 * <p>Immutable values and pure parsing, on any thread; only {@link
 * dev.holdfast.listener.EtcServices} reads a file, when it is told to. Nothing here knows of
 * descriptors, and no host name is resolved: that is left to whoever binds.
 */
@NullMarked
package dev.holdfast.listener;

import org.jspecify.annotations.NullMarked;
