package dev.holdfast.broker.survive;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pidfd;

/** Takes descriptors out of processes: {@link Pidfd#dupOf}, or what a test puts in its place. */
interface SocketSource {

  OwnedFd take(Pidfd process, int descriptor) throws ErrnoException;
}
