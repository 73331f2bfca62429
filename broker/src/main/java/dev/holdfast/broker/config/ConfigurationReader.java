package dev.holdfast.broker.config;

import dev.holdfast.broker.core.BrokerConfig;
import dev.holdfast.broker.core.IdlePolicy;
import dev.holdfast.broker.core.ListenerConfig;
import dev.holdfast.broker.core.ServiceConfig;
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

  private static final List<String> SECTIONS = List.of("broker", "listener", "service");

  private final Problems problems;
  private final Surroundings surroundings;
  private final Endpoints endpoints = new Endpoints();
  private final SortedMap<ListenerName, ListenerConfig> listeners = new TreeMap<>();
  private final SortedMap<String, ServiceConfig> services = new TreeMap<>();
  private final Spawning spawning = new Spawning();
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
    spawning.warn(warnings);
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
      case "listener" -> named(setting, ListenerSection.SECTION, this::listener);
      case "service" -> named(setting, ServiceSection.SECTION, this::service);
      default -> unknown(name, setting);
    }
  }

  /** One section of those that have names. */
  private interface NamedSection {
    void read(Setting section, TomlTable table);
  }

  private void named(Setting setting, Section keys, NamedSection section) {
    String kind = setting.name();
    if (!(setting.value() instanceof TomlTable table)) {
      setting.mustBe("sections [" + kind + ".NAME]");
      return;
    }
    for (Setting each : Setting.members(setting, table)) {
      String name = each.name();
      if (each.value() instanceof TomlTable settings) {
        section.read(each, settings);
      } else if (keys.keys().containsKey(name)) {
        each.wrong("a " + kind + " has a name: write [" + kind + ".NAME] above " + name);
      } else {
        each.wrong(kind + "." + Described.key(name) + " must be a section [" + kind + ".NAME]");
      }
    }
  }

  private void listener(Setting section, TomlTable table) {
    String title = "[listener." + Described.key(section.name()) + "]";
    Values values = ListenerSection.SECTION.read(title, table, problems, surroundings);
    ListenSpec spec = values.get(ListenerSection.LISTEN);
    TomlPosition listen = values.positionOf(ListenerSection.LISTEN);
    if (listen == null) {
      section.wrong(title + " lacks listen; write for example listen = \"127.0.0.1:8080\"");
    }
    if (spec != null && listen != null) {
      ListenerSection.checkFit(title, spec, values);
      endpoints
          .take(title, spec, values.get(ListenerSection.DEVICE), listen)
          .ifPresent(clash -> problems.add(listen, clash));
    }
    try {
      ListenerName name = ListenerName.parse(section.name());
      if (spec != null) {
        listeners.put(name, ListenerSection.config(spec, values));
      }
      TomlPosition idle = values.positionOf(ListenerSection.IDLE);
      if (idle != null && values.get(ListenerSection.IDLE) == IdlePolicy.SPAWN) {
        spawning.listener(name, idle);
      }
    } catch (IllegalArgumentException e) {
      section.wrong(Described.message(e));
    }
  }

  private void service(Setting section, TomlTable table) {
    String title = "[service." + Described.key(section.name()) + "]";
    Values values = ServiceSection.SECTION.read(title, table, problems, surroundings);
    ServiceSection.check(title, section, values);
    try {
      ListenerName.parse(section.name());
    } catch (IllegalArgumentException e) {
      section.wrong(
          "service name "
              + Described.quoted(section.name())
              + ": a name is 1 to 64 letters, digits, '.', '_', '@' or '-', and does not start"
              + " with '-' or '.'");
    }
    ServiceConfig config = ServiceSection.config(values);
    if (config != null) {
      services.put(section.name(), config);
      spawning.service(title, config.listeners(), values.positionOf(ServiceSection.IDLE_STOP));
    }
  }

  private static void unknown(String name, Setting setting) {
    boolean table = setting.value() instanceof TomlTable;
    setting.wrong(
        table
            ? "unknown section [" + Described.key(name) + "]" + NearestName.question(name, SECTIONS)
            : "unknown key "
                + Described.quoted(name)
                + " above all sections; it belongs in [broker], [listener.NAME] or [service.NAME]");
  }

  private Configuration configuration(List<Problem> warnings) {
    BrokerConfig config =
        new BrokerConfig(
            broker.get(BrokerSection.CONTROL, List.of()),
            broker.get(BrokerSection.STORE, List.of()),
            broker.get(BrokerSection.RETRIEVE, List.of()),
            BrokerSection.limits(broker),
            listeners,
            services);
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
