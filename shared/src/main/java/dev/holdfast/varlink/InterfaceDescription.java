package dev.holdfast.varlink;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One interface: what its {@code .varlink} text declares, in the order of the text. Immutable.
 *
 * <p>The text is the contract; whoever serves an interface holds its dispatch against this, and
 * checks parameters with {@link #check} before it reads them.
 */
public final class InterfaceDescription {
  /** A declared type. */
  public record TypeDescription(String name, String documentation, IdlType type) {}

  /** A method by its name within the interface. */
  public record MethodDescription(
      String name, String documentation, IdlType.Struct in, IdlType.Struct out) {}

  /** An error by its name within the interface. */
  public record ErrorDescription(String name, String documentation, IdlType.Struct parameters) {}

  private final String name;
  private final String documentation;
  private final String text;
  private final Map<String, TypeDescription> types;
  private final Map<String, MethodDescription> methods;
  private final Map<String, ErrorDescription> errors;

  InterfaceDescription(
      String name,
      String documentation,
      String text,
      Map<String, TypeDescription> types,
      Map<String, MethodDescription> methods,
      Map<String, ErrorDescription> errors) {
    this.name = name;
    this.documentation = documentation;
    this.text = text;
    this.types = ordered(types);
    this.methods = ordered(methods);
    this.errors = ordered(errors);
  }

  private static <V> Map<String, V> ordered(Map<String, V> map) {
    return Collections.unmodifiableMap(new LinkedHashMap<>(map));
  }

  /**
   * Reads the text of one interface.
   *
   * @throws IllegalArgumentException with line and column, if the text is no interface description
   */
  public static InterfaceDescription parse(String text) {
    return new IdlParser(text).parse();
  }

  /**
   * Reads one of the interfaces that this library brings along: {@code org.varlink.service}, {@code
   * dev.holdfast.Worker}, {@code dev.holdfast.Control}.
   *
   * @throws IllegalArgumentException if there is no such resource
   */
  public static InterfaceDescription loadResource(String interfaceName) {
    String resource = interfaceName + ".varlink";
    try (InputStream in = InterfaceDescription.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new IllegalArgumentException("no resource dev/holdfast/varlink/" + resource);
      }
      return parse(new String(in.readAllBytes(), UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException("read resource " + resource, e);
    }
  }

  /** The full name: {@code dev.holdfast.Worker}. */
  public String name() {
    return name;
  }

  /** The comment above the interface; "" without one. So for all documentation here. */
  public String documentation() {
    return documentation;
  }

  /** The text as it was read, to be served verbatim. */
  public String text() {
    return text;
  }

  public Map<String, TypeDescription> types() {
    return types;
  }

  public Map<String, MethodDescription> methods() {
    return methods;
  }

  public Map<String, ErrorDescription> errors() {
    return errors;
  }

  public Optional<MethodDescription> method(String memberName) {
    return Optional.ofNullable(methods.get(memberName));
  }

  /**
   * Holds parameters against a struct of this interface.
   *
   * @throws VarlinkException {@code org.varlink.service.InvalidParameter} for the first parameter
   *     that is missing, of another type, or not declared; a nested one is named by its path,
   *     {@code sockets[2].kind}
   */
  public void check(IdlType.Struct struct, JsonObject parameters) throws VarlinkException {
    String wrong = firstWrong(struct, parameters, "");
    if (wrong != null) {
      throw VarlinkException.invalidParameter(wrong);
    }
  }

  private @Nullable String firstWrong(IdlType.Struct struct, JsonObject object, String path) {
    for (IdlType.Field field : struct.fields()) {
      String member = path.isEmpty() ? field.name() : path + "." + field.name();
      String wrong = firstWrong(field.type(), object.value(field.name()), member);
      if (wrong != null) {
        return wrong;
      }
    }
    for (String given : object.members().keySet()) {
      if (!declares(struct, given)) {
        return path.isEmpty() ? given : path + "." + given;
      }
    }
    return null;
  }

  private @Nullable String firstWrong(IdlType type, @Nullable Object value, String path) {
    if (type instanceof IdlType.Nullable nullable) {
      return value == null ? null : firstWrong(nullable.type(), value, path);
    }
    if (type instanceof IdlType.Named named) {
      TypeDescription declared = types.get(named.name());
      return declared == null ? path : firstWrong(declared.type(), value, path);
    }
    if (type instanceof IdlType.Struct struct) {
      return value instanceof JsonObject object ? firstWrong(struct, object, path) : path;
    }
    if (type instanceof IdlType.Array array) {
      return value instanceof List<?> list ? firstWrongElement(array, list, path) : path;
    }
    if (type instanceof IdlType.Dictionary dictionary) {
      return value instanceof JsonObject object ? firstWrongEntry(dictionary, object, path) : path;
    }
    if (type instanceof IdlType.Enumeration enumeration) {
      return value instanceof String string && enumeration.values().contains(string) ? null : path;
    }
    return type instanceof IdlType.Primitive primitive && holds(primitive, value) ? null : path;
  }

  private @Nullable String firstWrongElement(IdlType.Array array, List<?> list, String path) {
    int index = 0;
    for (Object element : list) {
      String wrong = firstWrong(array.element(), element, path + "[" + index + "]");
      if (wrong != null) {
        return wrong;
      }
      index++;
    }
    return null;
  }

  private @Nullable String firstWrongEntry(
      IdlType.Dictionary dictionary, JsonObject object, String path) {
    for (Map.Entry<String, @Nullable Object> entry : object.members().entrySet()) {
      String wrong = firstWrong(dictionary.value(), entry.getValue(), path + "." + entry.getKey());
      if (wrong != null) {
        return wrong;
      }
    }
    return null;
  }

  private static boolean holds(IdlType.Primitive primitive, @Nullable Object value) {
    return switch (primitive) {
      case BOOL -> value instanceof Boolean;
      case INT -> value instanceof Long;
      case FLOAT -> value instanceof Double || value instanceof Long;
      case STRING -> value instanceof String;
      case OBJECT -> value instanceof JsonObject;
      case ANY -> value != null;
    };
  }

  private static boolean declares(IdlType.Struct struct, String name) {
    for (IdlType.Field field : struct.fields()) {
      if (field.name().equals(name)) {
        return true;
      }
    }
    return false;
  }
}
