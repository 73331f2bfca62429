/**
 * The {@code -javaagent}: a server that never heard of Holdfast binds an address, and gets the
 * broker's listener for it.
 *
 * <p>Runs on the threads of the program, inside its bind, and on one daemon thread of its own once
 * the program accepts. It uses nothing but the JDK until then: what needs JNA or junixsocket is
 * loaded later, behind {@link dev.holdfast.agent.adopt.IsolatedLoader}, so that neither can clash
 * with the program's own. It must not know the library's classes by name, and never logs through
 * anything that the program may want to configure first.
 */
@NullMarked
package dev.holdfast.agent.adopt;

import org.jspecify.annotations.NullMarked;
