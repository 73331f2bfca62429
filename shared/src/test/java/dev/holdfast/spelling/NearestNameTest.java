package dev.holdfast.spelling;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class NearestNameTest {

  private static final List<String> KEYS = List.of("backlog", "blocking", "idle", "allow", "spec");

  @Test
  void findsTheNameThatWasMeant() {
    assertThat(NearestName.among("baklog", KEYS)).contains("backlog");
    assertThat(NearestName.among("idel", KEYS)).contains("idle");
    assertThat(NearestName.among("ALLOW", KEYS)).contains("allow");
  }

  @Test
  void keepsQuietWhenNothingIsNear() {
    assertThat(NearestName.among("colour", KEYS)).isEmpty();
    assertThat(NearestName.among("x", List.of("y"))).isEmpty();
    assertThat(NearestName.among("", KEYS)).isEmpty();
    assertThat(NearestName.among("idle", List.of())).isEmpty();
  }

  @Test
  void prefersTheSameLettersAndThenTheSameFirstLetterOfTwoEquallyNear() {
    assertThat(NearestName.among("htp", List.of("ftp", "hkp", "http", "ntp"))).contains("http");
    assertThat(NearestName.among("htx", List.of("atx", "htp"))).contains("htp");
  }

  @Test
  void takesTheFirstInTheAlphabetOfTwoEquallyNear() {
    assertThat(NearestName.among("pop4", List.of("pop3", "pop2"))).contains("pop2");
    assertThat(NearestName.among("pop4", List.of("pop2", "pop3"))).contains("pop2");
  }

  @Test
  void countsAChangeALossAnAdditionAndASwapAsOne() {
    assertThat(NearestName.distance("http", "http")).isZero();
    assertThat(NearestName.distance("hxtp", "http")).isOne();
    assertThat(NearestName.distance("htp", "http")).isOne();
    assertThat(NearestName.distance("htttp", "http")).isOne();
    assertThat(NearestName.distance("thtp", "http")).isOne();
    assertThat(NearestName.distance("", "http")).isEqualTo(4);
    assertThat(NearestName.distance("kitten", "sitting")).isEqualTo(3);
  }

  @Test
  void endsAMessageWithAQuestionOrWithNothing() {
    assertThat(NearestName.question("baklog", KEYS)).isEqualTo("; did you mean \"backlog\"?");
    assertThat(NearestName.question("colour", KEYS)).isEmpty();
  }
}
