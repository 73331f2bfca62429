/**
 * The configuration file: its sections and keys, and how their values become the records of {@code
 * broker.core}.
 *
 * <p>Reading blocks (the file, the host's user database), so it is done at start and on reload,
 * before the loop takes the result. It must not know of sockets or of the state: it opens nothing
 * but the file, and looks at nothing but users, groups and directories that the file names.
 */
@NullMarked
package dev.holdfast.broker.config;

import org.jspecify.annotations.NullMarked;
