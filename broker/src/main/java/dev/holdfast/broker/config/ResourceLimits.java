package dev.holdfast.broker.config;

import dev.holdfast.broker.core.ResourceLimit;
import dev.holdfast.broker.core.ResourceLimit.Resource;
import dev.holdfast.spelling.NearestName;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlTable;

/** Reads resource limits: one for both, or {@code "SOFT:HARD"}. */
final class ResourceLimits {

  private static final String UNLIMITED = "unlimited";
  private static final Pattern AMOUNT = Pattern.compile("([0-9]{1,18})([A-Za-z]*)");
  private static final List<String> WORDS =
      Arrays.stream(Resource.values()).map(Resource::word).sorted().toList();

  /** How the amounts of a resource are written. */
  private record Unit(String expected, Map<String, Long> factors) {

    static final Unit COUNT = new Unit("an integer", Map.of());
    static final Unit SECONDS =
        new Unit(
            "an integer of seconds, a string such as \"90s\"",
            Map.of("s", 1L, "m", 60L, "h", 3600L));
    static final Unit BYTES =
        new Unit("an integer of bytes, a string such as \"64MiB\"", Quantities.BYTES);

    static Unit of(Resource resource) {
      return switch (resource) {
        case PROCESSES, OPEN_FILES -> COUNT;
        case CPU_TIME -> SECONDS;
        case FILE_SIZE, DATA, STACK, CORE, LOCKED_MEMORY, ADDRESS_SPACE -> BYTES;
      };
    }
  }

  private ResourceLimits() {}

  /** In the order of the resources, so that one who sorts the file changes no service. */
  static @Nullable List<ResourceLimit> read(Setting setting) {
    if (!(setting.value() instanceof TomlTable table)) {
      return setting.mustBe("a table such as { open-files = 4096 }");
    }
    List<ResourceLimit> limits = new ArrayList<>();
    for (Setting member : Setting.members(setting, table)) {
      Resource resource = resource(member.name()).orElse(null);
      ResourceLimit limit =
          resource == null
              ? unknown(setting.name(), member)
              : limit(setting.name(), resource, member);
      if (limit != null) {
        limits.add(limit);
      }
    }
    limits.sort(Comparator.comparing(ResourceLimit::resource));
    return limits;
  }

  private static Optional<Resource> resource(String word) {
    return Arrays.stream(Resource.values()).filter(each -> each.word().equals(word)).findAny();
  }

  private static @Nullable ResourceLimit unknown(String key, Setting member) {
    String question = NearestName.question(member.name(), WORDS);
    return member.wrong(
        key
            + " has no "
            + Described.quoted(member.name())
            + (question.isEmpty() ? ", only " + String.join(", ", WORDS) : question));
  }

  private static @Nullable ResourceLimit limit(String key, Resource resource, Setting setting) {
    String shown = key + "." + resource.word();
    Unit unit = Unit.of(resource);
    String[] parts = text(setting.value()).split(":", -1);
    Long soft = amount(unit, parts[0]);
    Long hard = parts.length == 2 ? amount(unit, parts[1]) : soft;
    if (parts.length > 2 || soft == null || hard == null) {
      return setting.wrong(
          shown
              + " must be "
              + unit.expected
              + ", \"unlimited\", or \"SOFT:HARD\" of such, not "
              + Described.value(setting.value()));
    }
    if (Long.compareUnsigned(soft, hard) > 0) { // unlimited is -1
      return setting.wrong(
          shown
              + ": the soft limit comes first and is the lower one; write "
              + Described.quoted(parts[1] + ":" + parts[0]));
    }
    if (resource == Resource.OPEN_FILES && hard == ResourceLimit.UNLIMITED) {
      return setting.wrong(
          shown + " cannot be unlimited: the kernel allows at most fs.nr_open; write a number");
    }
    return new ResourceLimit(resource, soft, hard);
  }

  private static String text(Object value) {
    return value instanceof Long || value instanceof String ? value.toString() : "";
  }

  private static @Nullable Long amount(Unit unit, String text) {
    if (text.equals(UNLIMITED)) {
      return ResourceLimit.UNLIMITED;
    }
    Matcher parts = AMOUNT.matcher(text);
    if (!parts.matches()) {
      return null;
    }
    Long factor = parts.group(2).isEmpty() ? Long.valueOf(1) : unit.factors.get(parts.group(2));
    long number = Long.parseLong(parts.group(1));
    return factor == null || number > Long.MAX_VALUE / factor
        ? null
        : Long.valueOf(number * factor);
  }
}
