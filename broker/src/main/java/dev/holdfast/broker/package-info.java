/**
 * The program {@code holdfastd}: its command line, and the wiring of the floors by constructors,
 * with the order of start and stop.
 *
 * <p>Starts on the thread {@code main}, which becomes the loop's thread. It decides nothing that
 * belongs to a floor.
 */
@NullMarked
package dev.holdfast.broker;

import org.jspecify.annotations.NullMarked;
