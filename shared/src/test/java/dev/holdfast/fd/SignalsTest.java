package dev.holdfast.fd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class SignalsTest {

  @Test
  void readsNamesAndNumbers() {
    for (String term : new String[] {"TERM", "SIGTERM", "15", "term", "sigterm"}) {
      assertThat(Signals.number(term)).isEqualTo(15);
    }
    assertThat(Signals.number("HUP")).isEqualTo(1);
    assertThat(Signals.number("SYS")).isEqualTo(31);
    assertThat(Signals.number("SIGRTMIN")).isEqualTo(34);
    assertThat(Signals.number("RTMIN+3")).isEqualTo(37);
    assertThat(Signals.number("RTMAX-1")).isEqualTo(63);
  }

  @Test
  void agreesWithTheShell() throws java.io.IOException {
    String names =
        Processes.output(
            Processes.shell("for n in 1 3 9 10 12 15 17 20 28 31; do kill -l $n; done"));
    assertThat(names.lines().map(Signals::number))
        .containsExactly(1, 3, 9, 10, 12, 15, 17, 20, 28, 31);
  }

  @Test
  void namesTheNearestOfAWrongOne() {
    assertThatThrownBy(() -> Signals.number("TREM"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("\"TREM\" is no signal; did you mean \"TERM\"?");
    assertThatThrownBy(() -> Signals.number("SIGURS1"))
        .hasMessage("\"SIGURS1\" is no signal; did you mean \"USR1\"?");
    for (String wrong :
        new String[] {
          "", "SIG", "0", "65", "-1", "RTMAX-31", "RTMIN+31", "RTMIN+", "999", "T ERM"
        }) {
      assertThatThrownBy(() -> Signals.number(wrong)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void saysNames() {
    assertThat(Signals.name(9)).isEqualTo("SIGKILL");
    assertThat(Signals.name(34)).isEqualTo("SIGRTMIN");
    assertThat(Signals.name(37)).isEqualTo("SIGRTMIN+3");
    assertThat(Signals.name(32)).isEqualTo("signal 32");
    for (int number = 1; number <= 31; number++) {
      assertThat(Signals.number(Signals.name(number))).isEqualTo(number);
    }
  }
}
