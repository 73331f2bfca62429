package dev.holdfast.broker;

import dev.holdfast.broker.bind.ListenerSockets;
import dev.holdfast.broker.control.Connections;
import dev.holdfast.broker.control.ControlSocket;
import dev.holdfast.broker.control.Methods;
import dev.holdfast.broker.core.BrokerState;
import dev.holdfast.broker.loop.Loop;
import dev.holdfast.broker.loop.ProcessWatches;
import dev.holdfast.broker.workers.NotifySockets;
import dev.holdfast.broker.workers.Observer;
import dev.holdfast.broker.workers.Outputs;
import dev.holdfast.broker.workers.Workers;
import dev.holdfast.fd.Poller;

/** Who has what there is to hand over. */
record Floors(
    BrokerState state,
    Loop loop,
    Poller poller,
    ListenerSockets sockets,
    ProcessWatches processes,
    ControlSocket control,
    Connections connections,
    NotifySockets notifySockets,
    Observer observer,
    Outputs outputs,
    Workers workers,
    Methods methods) {}
