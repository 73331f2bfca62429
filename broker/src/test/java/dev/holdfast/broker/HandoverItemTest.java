package dev.holdfast.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.fd.OwnedFd;
import dev.holdfast.varlink.DeclaredDescriptors;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What changes hands: in messages that are small enough, and back. */
class HandoverItemTest {

  @Test
  void comesBackAsItWasHoweverManyDescriptorsThereAre() throws IOException {
    List<HandoverItem> items = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      OwnedFd fd = i % 3 == 0 ? null : OwnedFd.openForReading("/dev/null");
      String text = "a \"quoted\" text with " + DeclaredDescriptors.INDEX + ": 0";
      items.add(new HandoverItem("kind" + i, JsonObject.of("n", i, "text", text), fd));
    }
    List<HandoverItem> back = new ArrayList<>();
    for (HandoverItem.Part part : HandoverItem.parts(items)) {
      assertThat(DeclaredDescriptors.count(part.parameters()))
          .isEqualTo(part.descriptors().size())
          .isLessThanOrEqualTo(DeclaredDescriptors.MOST);
      back.addAll(HandoverItem.read(part.parameters(), part.descriptors()));
    }
    assertThat(back).isEqualTo(items);
    Arrival.close(items);
  }

  @Test
  void keepsMessagesBelowTheirLimit() {
    List<HandoverItem> items = new ArrayList<>();
    for (int i = 0; i < 5000; i++) {
      items.add(HandoverItem.of(HandoverItem.ENTRY, JsonObject.of("text", "\"".repeat(200))));
    }
    assertThat(HandoverItem.parts(items))
        .hasSizeGreaterThan(1)
        .allSatisfy(part -> assertThat(part.parameters().toString().length()).isLessThan(1 << 20));
  }

  @Test
  void anEmptyEstateIsOnePart() {
    assertThat(HandoverItem.parts(List.of())).hasSize(1);
  }

  @Test
  void closesWhatASuccessorDoesNotKnow() throws IOException {
    OwnedFd unknown = OwnedFd.openForReading("/dev/null");
    OwnedFd stored = OwnedFd.openForReading("/dev/null");
    try (Inheritance inheritance =
        Inheritance.of(
            List.of(
                new HandoverItem("ofALaterVersion", JsonObject.EMPTY, unknown),
                new HandoverItem(
                    HandoverItem.STORED, JsonObject.of("id", 7, "color", "red"), stored)))) {
      assertThat(unknown.isOpen()).isFalse();
      assertThat(inheritance.stored).containsEntry(7L, stored);
    }
    assertThat(stored.isOpen()).isFalse();
  }

  @Test
  void closesEverythingWhenSomethingMakesNoSense() throws IOException {
    OwnedFd first = OwnedFd.openForReading("/dev/null");
    OwnedFd second = OwnedFd.openForReading("/dev/null");
    OwnedFd last = OwnedFd.openForReading("/dev/null");
    assertThatThrownBy(
            () ->
                Inheritance.of(
                    List.of(
                        new HandoverItem(HandoverItem.STORED, JsonObject.of("id", 1), first),
                        new HandoverItem(HandoverItem.SOCKET, JsonObject.EMPTY, second),
                        new HandoverItem(HandoverItem.OUTPUT, JsonObject.of("worker", 1), last))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("makes no sense");
    assertThat(List.of(first, second, last)).allMatch(fd -> !fd.isOpen());
  }

  @Test
  void anItemWithoutItsDescriptorIsRefused() {
    assertThatThrownBy(
            () -> Inheritance.of(List.of(HandoverItem.of(HandoverItem.LOCK, JsonObject.EMPTY))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("lock");
  }
}
