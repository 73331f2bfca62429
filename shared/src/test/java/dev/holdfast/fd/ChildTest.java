package dev.holdfast.fd;

import static dev.holdfast.fd.Processes.awaitEnd;
import static dev.holdfast.fd.Processes.cat;
import static dev.holdfast.fd.Processes.result;
import static dev.holdfast.fd.Processes.shell;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.fd.Processes.Waiting;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ChildTest {

  private static final int KILL = Signals.number("KILL");
  private static final int TERM = Signals.number("TERM");

  @BeforeAll
  static void inheritsOrphans() throws IOException {
    Children.becomeSubreaper();
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(Processes.haveChildren()).isFalse();
  }

  @Test
  void tellsHowItEnded() throws IOException {
    assertThat(result(shell("exit 0"))).isEqualTo(new Child.Ended(0, 0));
    assertThat(result(shell("exit 255"))).isEqualTo(new Child.Ended(255, 0));
    assertThat(result(shell("kill -KILL $$"))).isEqualTo(new Child.Ended(0, KILL));
    assertThat(result(shell("ulimit -c 0; kill -ABRT $$")))
        .isEqualTo(new Child.Ended(0, Signals.number("ABRT")));
  }

  @Test
  void keepsThePidUntilItIsReaped() throws IOException {
    try (Waiting waiting = Waiting.start(cat())) {
      Child child = waiting.child();
      assertThat(child.ended()).isEmpty();
      assertThatThrownBy(child::reap).hasMessage("pid " + child.pid() + " still runs");
      child.signal(TERM);
      awaitEnd(child);
      assertThat(child.ended()).contains(new Child.Ended(0, TERM));
      assertThat(child.ended()).contains(new Child.Ended(0, TERM));
      assertThat(Path.of("/proc/" + child.pid())).exists();
      child.signal(TERM); // goes nowhere
      child.signalGroup(TERM);
      child.reap();
      child.reap();
      assertThat(Path.of("/proc/" + child.pid())).doesNotExist();
      assertThatThrownBy(() -> child.signal(TERM)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> child.signalGroup(TERM)).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void signalsAllOfTheGroupAlsoAfterItsLeaderHasEnded() throws IOException {
    Pipe.Ends held = Pipe.open();
    try (OwnedFd reader = held.reader();
        OwnedFd moved = held.writer()) {
      try (Child leader = startHolding(moved)) {
        awaitEnd(leader);
        leader.signalGroup(KILL);
        // Its end is the end of the member that holds the other end of the pipe.
        assertThat(reader.read(ByteBuffer.allocate(1))).isEqualTo(-1);
        leader.reap();
        Children.awaitAndReap(-leader.pid()); // the member, whom we inherited
      }
    }
  }

  /** A shell that ends at once, and leaves a cat(1) that never ends and holds the descriptor. */
  private static Child startHolding(OwnedFd moved) throws IOException {
    Pipe.Ends never = Pipe.forOutput(); // its writer is a reader that never sees the end
    try (OwnedFd writer = moved;
        OwnedFd unused = never.reader();
        OwnedFd input = never.writer();
        OwnedFd nothing = Pipe.devNull()) {
      return shell("cat <&4 &")
          .place(nothing, 0)
          .place(nothing, 1)
          .place(unused, 2)
          .place(writer, 3)
          .place(input, 4)
          .start();
    }
  }

  @Test
  void limitsTheChild() throws IOException {
    try (Waiting waiting = Waiting.start(cat())) {
      waiting.child().limit(Libc.RLIMIT_NOFILE, 50, 60);
      assertThat(waiting.limit("Max open files")).isEqualTo("50 60");
      waiting.child().limit(4, 0, -1);
      assertThat(waiting.limit("Max core file size")).isEqualTo("0 unlimited");
      assertThatThrownBy(() -> waiting.child().limit(99, 0, -1))
          .hasMessage(
              "prlimit resource 99=0:unlimited of pid "
                  + waiting.child().pid()
                  + ": EINVAL (Invalid argument)");
    }
  }

  @Test
  void findsAnInheritedChildBehindOneThatIsKept() throws IOException {
    Pipe.Ends input = Pipe.open();
    Pipe.Ends output = Pipe.open();
    OwnedFd toOrphan = input.writer();
    try (OwnedFd fromParent = output.reader();
        Child parent = startParent(input.reader(), output.writer())) {
      int orphan = Integer.parseInt(Processes.readAll(fromParent).strip());
      awaitEnd(parent);
      assertThat(Children.peekEnded()).isEqualTo(parent.pid());
      assertThat(Children.allEnded()).containsExactly(parent.pid());
      try (Pidfd pidfd = Pidfd.open(orphan)) {
        toOrphan.close();
        assertThat(pidfd.awaitExit(null)).isTrue();
      }
      assertThat(Children.allEnded()).containsExactlyInAnyOrder(parent.pid(), orphan);
      Children.reap(orphan);
      assertThat(Children.allEnded()).containsExactly(parent.pid());
      parent.reap();
      assertThat(Children.allEnded()).isEmpty();
      assertThat(Children.peekEnded()).isZero();
      Children.reap(orphan); // not ours any more: nothing happens
    }
  }

  /** A shell that ends at once, and leaves a cat(1) whose pid it writes. */
  private static Child startParent(OwnedFd movedInput, OwnedFd movedOutput) throws IOException {
    try (OwnedFd input = movedInput;
        OwnedFd output = movedOutput;
        OwnedFd nothing = Pipe.devNull()) {
      return shell("cat <&3 >/dev/null & echo $!")
          .place(nothing, 0)
          .place(output, 1)
          .place(nothing, 2)
          .place(input, 3)
          .start();
    }
  }
}
