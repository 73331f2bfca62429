/**
 * Services, from outside: the broker starts, watches and replaces workers of many kinds, while
 * clients connect and things go wrong.
 *
 * <p>Each test runs on JUnit's thread; timeouts are a safety net, and nothing waits by the clock.
 *
 * <p>They must not know the broker's classes.
 */
package dev.holdfast.broker.services;
