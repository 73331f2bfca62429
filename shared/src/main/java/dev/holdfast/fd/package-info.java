/**
 * The only native code of Holdfast: descriptors with one owner, Unix sockets that carry them,
 * epoll, pidfds, and the system calls that listeners need.
 *
 * <p>Nothing here keeps a thread of its own; each class says which thread may use it. It knows file
 * descriptors and errno, and nothing of listeners' names, leases or messages.
 */
@NullMarked
package dev.holdfast.fd;

import org.jspecify.annotations.NullMarked;
