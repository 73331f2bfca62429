package dev.holdfast.broker.config;

import dev.holdfast.broker.core.BrokerConfig;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.listener.ListenSpec;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.spelling.NearestName;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.tomlj.Toml;
import org.tomlj.TomlParseError;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlPosition;
import org.tomlj.TomlTable;

/** Reads one file, once. */
final class ConfigurationReader {

  private static final List<String> SECTIONS = List.of("broker", "listener");

  private final Problems problems;
  private final Surroundings surroundings;
  private final Endpoints endpoints = new Endpoints();
  private final SortedMap<ListenerName, ListenerConfig> listeners = new TreeMap<>();
  private Values broker = new Values();

  /**
   * @param name of the file, for messages
   */
  ConfigurationReader(String name, Surroundings surroundings) {
    this.problems = new Problems(name);
    this.surroundings = surroundings;
  }

  Configuration read(Path file) throws ConfigException {
    ConfigurationFile contents = new ConfigurationFile(file);
    String text = contents.text(problems);
    problems.throwIfAny();
    Problems warnings = problems.another();
    contents.warnOfWriters(warnings, surroundings);
    return read(text, warnings);
  }

  private Configuration read(String text, Problems warnings) throws ConfigException {
    TomlParseResult root = parse(text);
    for (TomlParseError error : root.errors()) {
      problems.add(error.position(), Described.message(error));
    }
    problems.throwIfAny();
    for (String name : root.keySet()) {
      section(
          name,
          new Setting(
              name, Positions.value(root, name), Positions.of(root, name), problems, surroundings));
    }
    problems.throwIfAny();
    return configuration(warnings.inOrder());
  }

  /**
   * tomlj fails on some malformed headers instead of reporting them (2.2.0, where assertions are
   * enabled); a typing error before a reload must not end the broker.
   */
  private TomlParseResult parse(String text) throws ConfigException {
    try {
      return Toml.parse(text);
    } catch (RuntimeException | AssertionError | StackOverflowError e) {
      problems.add("is not TOML, and the parser cannot say where: " + e);
      throw new ConfigException(problems.inOrder(), e);
    }
  }

  private void section(String name, Setting setting) {
    switch (name) {
      case "broker" -> {
        if (setting.value() instanceof TomlTable table) {
          broker = BrokerSection.SECTION.read("[broker]", table, problems, surroundings);
        } else {
          setting.mustBe("a section [broker]");
        }
      }
      case "listener" -> {
        if (setting.value() instanceof TomlTable table) {
          listeners(table);
        } else {
          setting.mustBe("sections [listener.NAME]");
        }
      }
      case "service" -> services(setting);
      default -> unknown(name, setting);
    }
  }

  private void listeners(TomlTable table) {
    for (String name : table.keySet()) {
      TomlPosition at = Positions.of(table, name);
      if (Positions.value(table, name) instanceof TomlTable settings) {
        listener(name, settings, at);
      } else if (ListenerSection.SECTION.keys().containsKey(name)) {
        problems.add(at, "a listener has a name: write [listener.NAME] above " + name);
      } else {
        problems.add(at, "listener." + Described.key(name) + " must be a section [listener.NAME]");
      }
    }
  }

  private void listener(String name, TomlTable table, TomlPosition at) {
    String title = "[listener." + Described.key(name) + "]";
    Values values = ListenerSection.SECTION.read(title, table, problems, surroundings);
    ListenSpec spec = values.get(ListenerSection.LISTEN);
    TomlPosition listen = values.positionOf(ListenerSection.LISTEN);
    if (listen == null) {
      problems.add(at, title + " lacks listen; write for example listen = \"127.0.0.1:8080\"");
    }
    if (spec != null && listen != null) {
      ListenerSection.checkFit(title, spec, values);
      endpoints
          .take(title, spec, values.get(ListenerSection.DEVICE), listen)
          .ifPresent(clash -> problems.add(listen, clash));
    }
    try {
      ListenerName listenerName = ListenerName.parse(name);
      if (spec != null) {
        listeners.put(listenerName, ListenerSection.config(spec, values));
      }
    } catch (IllegalArgumentException e) {
      problems.add(at, Described.message(e));
    }
  }

  private void services(Setting setting) {
    String refusal =
        "services are not built yet; a supervisor of your own can start workers with \"holdfast exec\"";
    if (!(setting.value() instanceof TomlTable table) || table.isEmpty()) {
      setting.wrong("[service]: " + refusal);
      return;
    }
    for (String name : table.keySet()) {
      problems.add(Positions.of(table, name), "[service." + Described.key(name) + "]: " + refusal);
    }
  }

  private static void unknown(String name, Setting setting) {
    boolean table = setting.value() instanceof TomlTable;
    setting.wrong(
        table
            ? "unknown section [" + Described.key(name) + "]" + NearestName.question(name, SECTIONS)
            : "unknown key "
                + Described.quoted(name)
                + " above all sections; it belongs in [broker] or [listener.NAME]");
  }

  private Configuration configuration(List<Problem> warnings) {
    BrokerConfig config =
        new BrokerConfig(
            broker.get(BrokerSection.CONTROL, List.of()),
            broker.get(BrokerSection.STORE, List.of()),
            broker.get(BrokerSection.RETRIEVE, List.of()),
            BrokerSection.limits(broker),
            listeners);
    return new Configuration(
        config,
        broker.get(BrokerSection.SOCKET),
        broker.get(BrokerSection.STATE),
        broker.get(BrokerSection.MODE),
        broker.get(BrokerSection.OWNER),
        broker.get(BrokerSection.GROUP),
        warnings);
  }
}
