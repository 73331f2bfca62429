package dev.holdfast.listener;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ListenerNameTest {

  @ParameterizedTest
  @ValueSource(strings = {"web", "Web-2.http", "@web", "_", "0", "a@b.socket"})
  void takesNames(String text) {
    assertThat(ListenerName.parse(text)).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "-web", ".web", "web:http", "a b", "a/b", "é", "web\n", "\0"})
  void refusesWhatWouldReadAsSomethingElse(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ListenerName.parse(text))
        .withMessageContaining("a name is 1 to 64 letters, digits, '.', '_', '@' or '-'");
  }

  @Test
  void takesSixtyFourLettersAndNoMore() {
    assertThat(ListenerName.parse("n".repeat(64)).value()).hasSize(ListenerName.MAXIMUM_LENGTH);
    assertThatIllegalArgumentException().isThrownBy(() -> ListenerName.parse("n".repeat(65)));
  }

  @Test
  void sortsByText() {
    assertThat(ListenerName.parse("a")).isLessThan(ListenerName.parse("b"));
  }

  @Test
  void leaseIdsAreOneWord() {
    assertThat(new LeaseId("17")).hasToString("17");
    assertThatIllegalArgumentException().isThrownBy(() -> new LeaseId("1 7"));
    assertThatIllegalArgumentException().isThrownBy(() -> new LeaseId(""));
  }
}
