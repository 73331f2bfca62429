package dev.holdfast.agent.demo;

import dev.holdfast.agent.load.LoadReport;
import java.util.List;

/**
 * What there is to see at a moment of the load.
 *
 * @param workers all that there were so far, in the order of their start
 * @param events what happened so far, in sentences
 */
record Scene(LoadReport load, List<Worker> workers, List<String> events) {}
