package dev.holdfast.broker.workers;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Pidfd;

/** A process that is to be asked to finish. */
interface Signalled {

  int pid();

  /** Its process group; 0 when only the process itself may be signalled. */
  int group();

  /**
   * Opens this process and no other, owned by the caller.
   *
   * @throws ErrnoException ESRCH when it is gone
   */
  Pidfd open() throws ErrnoException;
}
