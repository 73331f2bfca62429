package dev.holdfast.broker.control;

import dev.holdfast.broker.core.Answer;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.varlink.JsonObject;
import java.util.List;

/**
 * The rest of a grant that did not fit into one message.
 *
 * @param request the parameters of the call, which the caller repeats to get the rest
 */
record Continuation(JsonObject request, LeaseId lease, List<Answer.Passed> rest) {}
