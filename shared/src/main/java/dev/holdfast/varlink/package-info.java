/**
 * The wire: strict JSON, frames, calls and replies, the descriptors that ride with them, interface
 * descriptions, and a blocking client.
 *
 * <p>Nothing here keeps a thread; each object belongs to the thread that uses it, values can be
 * shared. It knows bytes, JSON and descriptors, and nothing of listeners, leases or who may do
 * what.
 */
@NullMarked
package dev.holdfast.varlink;

import org.jspecify.annotations.NullMarked;
