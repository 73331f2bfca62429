/**
 * Puts a Spring Boot application's web server on a listener: Tomcat, Jetty, Undertow or Reactor
 * Netty, by configuration alone.
 *
 * <p>It runs on the threads that start and stop the application; a drain has a thread of its own.
 * It must not know the application, and does nothing unless {@code holdfast.listener} is set.
 */
@NullMarked
package dev.holdfast.agent.spring;

import org.jspecify.annotations.NullMarked;
