package dev.holdfast.varlink;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/**
 * The text of an interface to its description. Comments that stand directly above a member, without
 * an empty line between, are its documentation.
 */
final class IdlParser {
  private static final Pattern INTERFACE_NAME =
      Pattern.compile("[A-Za-z](-*[A-Za-z0-9])*(\\.[A-Za-z0-9](-*[A-Za-z0-9])*)+");
  private static final Pattern MEMBER_NAME = Pattern.compile("[A-Z][A-Za-z0-9]*");
  private static final Pattern FIELD_NAME = Pattern.compile("[A-Za-z](_?[A-Za-z0-9])*");

  /** A stranger's text must not be able to exhaust the stack. */
  private static final int MAXIMUM_DEPTH = 32;

  private static final int MAXIMUM_WORD = 255;

  private final String text;
  private final Map<String, InterfaceDescription.TypeDescription> types = new LinkedHashMap<>();
  private final Map<String, InterfaceDescription.MethodDescription> methods = new LinkedHashMap<>();
  private final Map<String, InterfaceDescription.ErrorDescription> errors = new LinkedHashMap<>();
  private final List<String> references = new ArrayList<>();
  private int position;
  private int depth;

  IdlParser(String text) {
    this.text = text;
  }

  InterfaceDescription parse() {
    String documentation = documentation();
    keyword("interface");
    String name = word(INTERFACE_NAME, "an interface name such as org.example.service");
    String memberDocumentation = documentation();
    while (position < text.length()) {
      member(memberDocumentation);
      memberDocumentation = documentation();
    }
    for (String reference : references) {
      if (!types.containsKey(reference)) {
        throw error("the type " + reference + " is used and not declared");
      }
    }
    return new InterfaceDescription(name, documentation, text, types, methods, errors);
  }

  private void member(String documentation) {
    int at = position;
    String keyword = plainWord();
    String name = word(MEMBER_NAME, "a name that begins with a capital letter");
    if (types.containsKey(name) || methods.containsKey(name) || errors.containsKey(name)) {
      throw error(name + " is declared for the second time");
    }
    switch (keyword) {
      case "type" -> {
        IdlType type = parenthesised();
        types.put(name, new InterfaceDescription.TypeDescription(name, documentation, type));
      }
      case "method" -> {
        IdlType.Struct in = struct();
        space();
        symbol("->");
        IdlType.Struct out = struct();
        methods.put(name, new InterfaceDescription.MethodDescription(name, documentation, in, out));
      }
      case "error" -> {
        IdlType.Struct parameters = struct();
        errors.put(
            name, new InterfaceDescription.ErrorDescription(name, documentation, parameters));
      }
      default -> {
        position = at;
        throw error("expected type, method or error");
      }
    }
  }

  private IdlType type() {
    space();
    if (accept("?")) {
      space();
      if (accept("?")) {
        throw error("a type is nullable once");
      }
      return new IdlType.Nullable(type());
    }
    if (accept("[]")) {
      return nested(() -> new IdlType.Array(type()));
    }
    if (accept("[string]")) {
      return nested(() -> new IdlType.Dictionary(type()));
    }
    if (peek() == '(') {
      return nested(this::parenthesised);
    }
    int at = position;
    String name = plainWord();
    return switch (name) {
      case "bool" -> IdlType.Primitive.BOOL;
      case "int" -> IdlType.Primitive.INT;
      case "float" -> IdlType.Primitive.FLOAT;
      case "string" -> IdlType.Primitive.STRING;
      case "object" -> IdlType.Primitive.OBJECT;
      case "any" -> IdlType.Primitive.ANY;
      default -> {
        if (!MEMBER_NAME.matcher(name).matches()) {
          position = at;
          throw error("expected a type");
        }
        references.add(name);
        yield new IdlType.Named(name);
      }
    };
  }

  private IdlType nested(Supplier<IdlType> inner) {
    if (++depth > MAXIMUM_DEPTH) {
      throw error("types nested deeper than " + MAXIMUM_DEPTH);
    }
    IdlType type = inner.get();
    depth--;
    return type;
  }

  private IdlType.Struct struct() {
    int at = position;
    if (parenthesised() instanceof IdlType.Struct struct) {
      return struct;
    }
    position = at;
    throw error("expected fields with types");
  }

  /** A struct or an enumeration: which of them shows behind the first name. */
  private IdlType parenthesised() {
    space();
    symbol("(");
    List<IdlType.Field> fields = new ArrayList<>();
    List<String> values = new ArrayList<>();
    Set<String> names = new HashSet<>();
    space();
    if (accept(")")) {
      return new IdlType.Struct(fields);
    }
    do {
      String name = word(FIELD_NAME, "a field name");
      if (!names.add(name)) {
        throw error("the field " + name + " for the second time");
      }
      space();
      if (accept(":")) {
        fields.add(new IdlType.Field(name, type()));
      } else {
        values.add(name);
      }
      if (!fields.isEmpty() && !values.isEmpty()) {
        throw error("fields with a type and without stand side by side");
      }
      space();
    } while (accept(","));
    symbol(")");
    return values.isEmpty() ? new IdlType.Struct(fields) : new IdlType.Enumeration(values);
  }

  /** Skips space; returns the comment that ends directly above what follows, or "". */
  private String documentation() {
    StringBuilder comment = new StringBuilder();
    int newlines = 0;
    while (position < text.length()) {
      char c = text.charAt(position);
      if (c == '#') {
        if (newlines > 1) {
          comment.setLength(0);
        }
        newlines = 0;
        String line = comment().substring(1);
        comment.append(comment.isEmpty() ? "" : "\n");
        comment.append(line.startsWith(" ") ? line.substring(1) : line);
      } else if (Character.isWhitespace(c)) {
        newlines += c == '\n' ? 1 : 0;
        position++;
      } else {
        break;
      }
    }
    return newlines > 1 ? "" : comment.toString();
  }

  private String comment() {
    int from = position;
    int newline = text.indexOf('\n', from);
    position = newline < 0 ? text.length() : newline;
    return text.substring(from, position);
  }

  private void space() {
    while (position < text.length()) {
      char c = text.charAt(position);
      if (c == '#') {
        comment();
      } else if (Character.isWhitespace(c)) {
        position++;
      } else {
        return;
      }
    }
  }

  private void keyword(String keyword) {
    int at = position;
    if (!plainWord().equals(keyword)) {
      position = at;
      throw error("expected " + keyword);
    }
  }

  private String word(Pattern pattern, String expected) {
    space();
    int at = position;
    String word = plainWord();
    if (!pattern.matcher(word).matches()) {
      position = at;
      throw error("expected " + expected);
    }
    return word;
  }

  private String plainWord() {
    space();
    int from = position;
    while (position < text.length() && isWordCharacter(text, position)) {
      position++;
    }
    if (position - from > MAXIMUM_WORD) {
      throw error("a word of more than " + MAXIMUM_WORD + " characters");
    }
    return text.substring(from, position);
  }

  private static boolean isWordCharacter(String text, int at) {
    char c = text.charAt(at);
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || c == '_'
        || c == '.'
        || (c == '-' && !text.startsWith("->", at));
  }

  private int peek() {
    return position < text.length() ? text.charAt(position) : -1;
  }

  private boolean accept(String symbol) {
    boolean found = text.startsWith(symbol, position);
    position += found ? symbol.length() : 0;
    return found;
  }

  private void symbol(String symbol) {
    if (!accept(symbol)) {
      throw error("expected " + symbol);
    }
  }

  private IllegalArgumentException error(String message) {
    String before = text.substring(0, Math.min(position, text.length()));
    long line = before.chars().filter(c -> c == '\n').count() + 1;
    int column = before.length() - before.lastIndexOf('\n');
    return new IllegalArgumentException(
        "interface description, line " + line + ", column " + column + ": " + message);
  }
}
