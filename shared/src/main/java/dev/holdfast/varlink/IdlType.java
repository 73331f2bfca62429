package dev.holdfast.varlink;

import java.util.List;

/** A type of the interface language. */
public sealed interface IdlType {
  /** {@code object} is any JSON object, {@code any} any JSON value. */
  enum Primitive implements IdlType {
    BOOL,
    INT,
    FLOAT,
    STRING,
    OBJECT,
    ANY
  }

  /** {@code (one, two)}: a string that is one of these. */
  record Enumeration(List<String> values) implements IdlType {
    public Enumeration {
      values = List.copyOf(values);
    }
  }

  /** {@code (name: type, …)}. */
  record Struct(List<Field> fields) implements IdlType {
    public Struct {
      fields = List.copyOf(fields);
    }

    /** The names in the order of the text. */
    public List<String> names() {
      return fields.stream().map(Field::name).toList();
    }
  }

  /** One member of a struct. */
  record Field(String name, IdlType type) {}

  /** {@code []element}. */
  record Array(IdlType element) implements IdlType {}

  /** {@code [string]value}. */
  record Dictionary(IdlType value) implements IdlType {}

  /** {@code ?type}: may be null, and may be absent. */
  record Nullable(IdlType type) implements IdlType {}

  /** A type that is declared elsewhere in the same interface. */
  record Named(String name) implements IdlType {}
}
