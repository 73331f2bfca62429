package dev.holdfast.varlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.fd.OpenDescriptors;
import dev.holdfast.fd.OwnedFd;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class DescriptorQueueTest {

  private final DescriptorQueue queue = new DescriptorQueue();

  private List<OwnedFd> add(int count) throws IOException {
    List<OwnedFd> added = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      OwnedFd fd = OwnedFd.openForReading("/dev/null");
      added.add(fd);
      queue.add(fd);
    }
    return added;
  }

  @Test
  void givesDescriptorsInTheOrderOfTheirArrival() throws IOException {
    List<OwnedFd> added = add(3);
    assertThat(queue.take(2)).isEqualTo(added.subList(0, 2));
    assertThat(queue.takeExactly(1)).isEqualTo(added.subList(2, 3));
    assertThat(added).allMatch(OwnedFd::isOpen);
    assertThatCode(queue::requireEmpty).doesNotThrowAnyException();
    added.forEach(OwnedFd::close);
  }

  @Test
  void closesAllOnShortageAndOnSurplus() throws IOException {
    OpenDescriptors open = OpenDescriptors.now();
    add(1);
    assertThatThrownBy(() -> queue.take(2))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("1 descriptors came, the message declares 2");
    add(3);
    assertThatThrownBy(() -> queue.takeExactly(2)).isInstanceOf(ProtocolException.class);
    add(1);
    assertThatThrownBy(queue::requireEmpty).isInstanceOf(ProtocolException.class);
    assertThat(queue.size()).isZero();
    open.assertUnchanged();
  }

  @Test
  void holdsNoMoreThanAMessageMayCarry() throws IOException {
    OpenDescriptors open = OpenDescriptors.now();
    List<OwnedFd> added = add(DeclaredDescriptors.MOST + 2);
    assertThat(added.stream().filter(OwnedFd::isOpen)).hasSize(DeclaredDescriptors.MOST);
    assertThatThrownBy(() -> queue.take(1))
        .hasMessage("34 descriptors came, the message declares 1");
    open.assertUnchanged();
    added = add(DeclaredDescriptors.MOST);
    assertThat(queue.takeExactly(DeclaredDescriptors.MOST)).isEqualTo(added);
    added.forEach(OwnedFd::close);
  }

  @Test
  void closesWhatWaits() throws IOException {
    OpenDescriptors open = OpenDescriptors.now();
    add(2);
    queue.close();
    queue.close();
    open.assertUnchanged();
  }
}
