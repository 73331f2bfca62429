package dev.holdfast.broker.workers;

import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.Pidfd;

/** One that a worker left behind when its main process ended. */
record LeftProcess(ProcessFacts facts) implements Signalled {

  @Override
  public int pid() {
    return facts.pid();
  }

  /** Each that is left is asked by itself. */
  @Override
  public int group() {
    return 0;
  }

  @Override
  public Pidfd open() throws ErrnoException {
    return facts.open();
  }
}
