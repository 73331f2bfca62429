/**
 * Workers seen from outside, tried on real programs.
 *
 * <p>The tests stand in for the loop's thread.
 */
@NullMarked
package dev.holdfast.broker.workers;

import org.jspecify.annotations.NullMarked;
