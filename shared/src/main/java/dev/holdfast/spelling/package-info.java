/**
 * Suggestions for words that a user mistyped.
 *
 * <p>Pure functions, on any thread. They know words, and not what the words name.
 */
@NullMarked
package dev.holdfast.spelling;

import org.jspecify.annotations.NullMarked;
