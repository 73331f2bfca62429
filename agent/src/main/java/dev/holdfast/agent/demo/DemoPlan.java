package dev.holdfast.agent.demo;

import java.nio.file.Path;
import java.time.Duration;

/**
 * What is demonstrated, and with which programs.
 *
 * @param lasting how long the load goes on; longer where a worker takes longer to start
 * @param inFlight how many connections are open at a time
 * @param temporary where its directory is made
 * @param keep whether the directory with logs and worker programs stays
 * @param command the launcher {@code holdfast}
 * @param broker the launcher {@code holdfastd}
 */
public record DemoPlan(
    Duration lasting, int inFlight, Path temporary, boolean keep, Path command, Path broker) {}
