package dev.holdfast.varlink;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.varlink.IdlType.Primitive;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class InterfaceDescriptionTest {

  private static final InterfaceDescription EXAMPLE =
      InterfaceDescription.parse(
          """
          # An example.
          # In two lines.
          interface org.example.some-thing

          # Not about Point.

          # A point.
          type Point (x: int, y: ?float) # behind it
          type Colour (red, green)
          # Draws.
          method Draw(
            # Where.
            at: []Point,
            colour: ?Colour,
            style: ?(thin, thick),
            names: ?[string]string,
            nested: ?(flag: bool, deep: ?[][string]?int),
            extra: ?object,
            whatever: ?any
          )->(done:bool)
          method Ping() -> ()
          error Failed (reason: string)
          error Empty ()
          """);

  private static <T> T declared(Map<String, T> members, String name) {
    assertThat(members).containsKey(name);
    return requireNonNull(members.get(name));
  }

  @Test
  void readsMembersWithTheirTypesAndComments() {
    assertThat(EXAMPLE.name()).isEqualTo("org.example.some-thing");
    assertThat(EXAMPLE.documentation()).isEqualTo("An example.\nIn two lines.");
    assertThat(EXAMPLE.types().keySet()).containsExactly("Point", "Colour");
    assertThat(declared(EXAMPLE.types(), "Point").documentation()).isEqualTo("A point.");
    assertThat(declared(EXAMPLE.types(), "Point").type())
        .isEqualTo(
            new IdlType.Struct(
                List.of(
                    new IdlType.Field("x", Primitive.INT),
                    new IdlType.Field("y", new IdlType.Nullable(Primitive.FLOAT)))));
    assertThat(declared(EXAMPLE.types(), "Colour").type())
        .isEqualTo(new IdlType.Enumeration(List.of("red", "green")));
    assertThat(EXAMPLE.methods().keySet()).containsExactly("Draw", "Ping");
    InterfaceDescription.MethodDescription draw = EXAMPLE.method("Draw").orElseThrow();
    assertThat(draw.documentation()).isEqualTo("Draws.");
    assertThat(draw.in().names())
        .containsExactly("at", "colour", "style", "names", "nested", "extra", "whatever");
    assertThat(draw.in().fields().get(0).type())
        .isEqualTo(new IdlType.Array(new IdlType.Named("Point")));
    assertThat(draw.out().names()).containsExactly("done");
    assertThat(EXAMPLE.method("Erase")).isEmpty();
    assertThat(EXAMPLE.errors().keySet()).containsExactly("Failed", "Empty");
    assertThat(declared(EXAMPLE.errors(), "Failed").parameters().names()).containsExactly("reason");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"at\":[]}",
        "{\"at\":[{\"x\":1}]}",
        "{\"at\":[{\"x\":1,\"y\":null},{\"x\":1,\"y\":1},{\"x\":1,\"y\":0.5}],\"colour\":\"red\"}",
        "{\"at\":[],\"style\":\"thick\",\"names\":{\"any\":\"x\"},\"extra\":{\"a\":1}}",
        "{\"at\":[],\"nested\":{\"flag\":true,\"deep\":[{\"a\":1,\"b\":null}]},\"whatever\":[1]}"
      })
  void acceptsParametersAsDeclared(String parameters) throws JsonException {
    JsonObject object = Json.parse(parameters);
    assertThatCode(() -> EXAMPLE.check(EXAMPLE.method("Draw").orElseThrow().in(), object))
        .doesNotThrowAnyException();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | at",
        "{\"at\":null} | at",
        "{\"at\":{}} | at",
        "{\"at\":[1]} | at[0]",
        "{\"at\":[{\"x\":1},{\"x\":1.0}]} | at[1].x",
        "{\"at\":[{\"x\":1,\"z\":1}]} | at[0].z",
        "{\"at\":[{\"x\":1,\"y\":\"1\"}]} | at[0].y",
        "{\"at\":[],\"colour\":\"blue\"} | colour",
        "{\"at\":[],\"colour\":1} | colour",
        "{\"at\":[],\"style\":\"\"} | style",
        "{\"at\":[],\"names\":{\"a\":1}} | names.a",
        "{\"at\":[],\"names\":[]} | names",
        "{\"at\":[],\"nested\":{}} | nested.flag",
        "{\"at\":[],\"nested\":{\"flag\":1}} | nested.flag",
        "{\"at\":[],\"nested\":{\"flag\":true,\"deep\":[{\"k\":\"\"}]}} | nested.deep[0].k",
        "{\"at\":[],\"extra\":\"\"} | extra",
        "{\"at\":[],\"unknown\":1} | unknown",
        "{\"at\":[],\"unknown\":null} | unknown"
      })
  void namesTheParameterThatIsWrong(String parameters, String wrong) throws JsonException {
    JsonObject object = Json.parse(parameters);
    assertThatThrownBy(() -> EXAMPLE.check(EXAMPLE.method("Draw").orElseThrow().in(), object))
        .isInstanceOfSatisfying(
            VarlinkException.class,
            e -> {
              assertThat(e.error()).isEqualTo("org.varlink.service.InvalidParameter");
              assertThat(e.parameters()).isEqualTo(JsonObject.of("parameter", wrong));
            });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "interface",
        "interface x",
        "interface .x",
        "interface a.b\ntype X",
        "interface a.b\ntype x (a: int)",
        "interface a.b\ntype X (a: Y)",
        "interface a.b\ntype X (a: integer)",
        "interface a.b\ntype X (a: int, b)",
        "interface a.b\ntype X (a, b: int)",
        "interface a.b\ntype X (a: int, a: int)",
        "interface a.b\ntype X (a, a)",
        "interface a.b\ntype X (a: int,)",
        "interface a.b\ntype X (a: int",
        "interface a.b\ntype X (_a: int)",
        "interface a.b\ntype X (a: ??int)",
        "interface a.b\ntype X (a: [int]string)",
        "interface a.b\ntype X ()\ntype X ()",
        "interface a.b\ntype X ()\nerror X ()",
        "interface a.b\nmethod X()",
        "interface a.b\nmethod X() -> int",
        "interface a.b\nmethod X(a, b) -> ()",
        "interface a.b\nerror X (a, b)",
        "interface a.b\nfunction X()",
        "interface a.b\n%"
      })
  void refusesWhatIsNoInterface(String text) {
    assertThatThrownBy(() -> InterfaceDescription.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("line ");
  }

  @Test
  void refusesDepthAndLengthThatWouldExhaustTheStack() {
    for (String hostile : List.of("[]".repeat(100_000), "(a:".repeat(100_000), "a".repeat(300))) {
      assertThatThrownBy(
              () -> InterfaceDescription.parse("interface a.b\ntype X (a: " + hostile + "int)"))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void saysWhereTheTextIsWrong() {
    assertThatThrownBy(() -> InterfaceDescription.parse("interface a.b\n\ntype X (a: 1)"))
        .hasMessage("interface description, line 3, column 12: expected a type");
  }

  @ParameterizedTest
  @ValueSource(strings = {"org.varlink.service", "dev.holdfast.Worker", "dev.holdfast.Control"})
  void theInterfacesOfHoldfastAreDescribedCompletely(String name) {
    InterfaceDescription description = InterfaceDescription.loadResource(name);
    assertThat(description.name()).isEqualTo(name);
    assertThat(description.documentation()).isNotEmpty();
    description.types().values().forEach(type -> assertThat(type.documentation()).isNotEmpty());
    description.methods().values().forEach(m -> assertThat(m.documentation()).isNotEmpty());
    description.errors().values().forEach(error -> assertThat(error.documentation()).isNotEmpty());
  }

  @Test
  void theInterfacesOfHoldfastHaveTheirMethods() {
    Map<String, List<String>> methods =
        Map.of(
            "org.varlink.service",
            List.of("GetInfo", "GetInterfaceDescription"),
            "dev.holdfast.Worker",
            List.of("Acquire", "Ready", "Release", "Await", "Store", "Retrieve", "Restore"),
            "dev.holdfast.Control",
            List.of(
                "Listen",
                "Close",
                "List",
                "Watch",
                "Drain",
                "Restart",
                "Scale",
                "Stop",
                "Start",
                "Reload",
                "Adopt",
                "Upgrade",
                "Handover",
                "Status"));
    methods.forEach(
        (name, expected) ->
            assertThat(InterfaceDescription.loadResource(name).methods().keySet())
                .containsExactlyElementsOf(expected));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"listeners\":[\"web\"]}",
        "{\"listeners\":[\"web\"],\"hold\":\"process\",\"notify\":true,\"stopSignal\":\"QUIT\"}"
      })
  void anAcquireMayBecomeAProgram(String parameters) throws JsonException {
    InterfaceDescription worker = InterfaceDescription.loadResource("dev.holdfast.Worker");
    JsonObject object = Json.parse(parameters);
    assertThatCode(() -> worker.check(worker.method("Acquire").orElseThrow().in(), object))
        .doesNotThrowAnyException();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Restart | {} | service",
        "Restart | {\"service\":\"shop\",\"readyTimeoutUsec\":7} | readyTimeoutUsec",
        "Scale | {\"service\":\"shop\"} | count",
        "Scale | {\"service\":\"shop\",\"count\":\"2\"} | count",
        "Stop | {\"service\":\"shop\",\"now\":true} | now",
        "Listen | {\"name\":\"web\",\"spec\":\"80\",\"idle\":\"sleep\"} | idle"
      })
  void whatAnOperatorSaysOfServicesIsChecked(String method, String parameters, String wrong)
      throws JsonException {
    InterfaceDescription control = InterfaceDescription.loadResource("dev.holdfast.Control");
    JsonObject object = Json.parse(parameters);
    assertThatThrownBy(() -> control.check(control.method(method).orElseThrow().in(), object))
        .isInstanceOfSatisfying(
            VarlinkException.class,
            e -> assertThat(e.parameters()).isEqualTo(JsonObject.of("parameter", wrong)));
  }

  @Test
  void anInterfaceThatIsNotBroughtAlongIsAnError() {
    assertThatThrownBy(() -> InterfaceDescription.loadResource("org.example.nothing"))
        .hasMessage("no resource dev/holdfast/varlink/org.example.nothing.varlink");
  }
}
