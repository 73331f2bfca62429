package dev.holdfast.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class TableTest {

  @Test
  void columnsAreAsWideAsTheirContentAndNumbersStandToTheRight() {
    Table table =
        new Table("NAME", "PORT", "NOTE").row("web", 80, "").row("a-long-name", 8080, "x");
    assertThat(table.toString())
        .isEqualTo(
            """
            NAME         PORT  NOTE
            web            80  -
            a-long-name  8080  x""");
  }

  @Test
  void nothingThatMovesTheCursorGetsThrough() {
    assertThat(new Table("NAME").row("a\u001b[31m\nb\u00fc").toString())
        .isEqualTo("NAME\na?[31m?b?");
  }

  @Test
  void aRowMustHaveACellForEachColumn() {
    assertThatThrownBy(() -> new Table("A", "B").row("a"))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
