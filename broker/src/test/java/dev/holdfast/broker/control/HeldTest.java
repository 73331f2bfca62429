package dev.holdfast.broker.control;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HeldTest {

  private final Held held = new Held();

  @Test
  void descriptorsThatWaitAreBoundedForEachUser() {
    for (int i = 0; i < 4; i++) {
      assertThat(held.changeDescriptors(1000, 0, 33)).isTrue();
    }
    assertThat(held.changeDescriptors(1000, 0, 1)).as("one is free").isTrue();
    assertThat(held.changeDescriptors(1000, 0, 2)).isFalse();
    assertThat(held.changeDescriptors(1000, 2, 0)).isTrue();
    assertThat(held.changeDescriptors(1001, 0, 33)).as("another user").isTrue();
    assertThat(held.changeDescriptors(1000, 33, 0)).isTrue();
    assertThat(held.changeDescriptors(1000, 0, 2)).isTrue();
  }

  @Test
  void andForAllTogether() {
    for (int uid = 1; uid <= 4; uid++) {
      assertThat(held.changeDescriptors(uid, 0, 129)).isTrue();
    }
    assertThat(held.changeDescriptors(5, 0, 2)).isFalse();
    assertThat(held.changeDescriptors(5, 2, 0)).isTrue();
    assertThat(held.changeDescriptors(1, 129, 1)).isTrue();
    assertThat(held.changeDescriptors(5, 0, 2)).isTrue();
  }
}
