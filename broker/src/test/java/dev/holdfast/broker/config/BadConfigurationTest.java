package dev.holdfast.broker.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class BadConfigurationTest {

  private static final int GARBAGE_FILES = 1000;

  @TempDir Path directory;

  /** The file, and its messages without the name of the file. */
  static Stream<Arguments> badFiles() {
    return Stream.of(
        web(
            "baklog = 1",
            ":3: unknown key \"baklog\" in [listener.web]; did you mean \"backlog\"?"),
        web(
            "backlog = \"many\"",
            ":3: backlog must be an integer of 1 to 65535, not the string \"many\""),
        web("backlog = 0", ":3: backlog must be an integer of 1 to 65535, not the integer 0"),
        web(
            "backlog = 65536",
            ":3: backlog must be an integer of 1 to 65535, not the integer 65536"),
        web(
            "blocking = \"true\"",
            ":3: blocking must be true or false, not the string \"true\"; leave out the quotes"),
        web(
            "idle = \"quue\"",
            ":3: idle must be \"queue\", \"refuse\" or \"spawn\", not the string \"quue\"; did you mean \"queue\"?"),
        web("idle = 1", ":3: idle must be \"queue\", \"refuse\" or \"spawn\", not the integer 1"),
        web(
            "companion = \"/no/such/directory\"",
            ":3: companion: \"/no/such/directory\" is not a directory; create it, or name another"),
        web("companion = \"here\"", ":3: companion: \"here\" is not an absolute path"),
        web(
            "companion = 1",
            ":3: companion must be true, false, or a string with a directory, not the integer 1"),
        web(
            "allow = \"all\"",
            ":3: allow must be an array of \"user:NAME\", \"uid:NUMBER\", \"group:NAME\", \"gid:NUMBER\" or \"all\", not the string \"all\"; write [\"all\"]"),
        web(
            "allow = [1]",
            ":3: allow must hold \"user:NAME\", \"uid:NUMBER\", \"group:NAME\", \"gid:NUMBER\" or \"all\", not the integer 1"),
        web(
            "allow = [\"web\", \"usr:web\", \"al\"]",
            ":3: allow must hold \"user:NAME\", \"uid:NUMBER\", \"group:NAME\", \"gid:NUMBER\" or \"all\", not the string \"web\"; did you mean \"user:web\"?\n:3: allow must hold \"user:NAME\", \"uid:NUMBER\", \"group:NAME\", \"gid:NUMBER\" or \"all\", not the string \"usr:web\"; did you mean \"user:web\"?\n:3: allow must hold \"user:NAME\", \"uid:NUMBER\", \"group:NAME\", \"gid:NUMBER\" or \"all\", not the string \"al\"; did you mean \"all\"?"),
        web(
            "allow = [\n\"user:nobody-here\",\n\"group:web\",\n\"uid:-1\"]",
            ":4: allow: this host has no user \"nobody-here\"\n:5: allow: this host has no group \"web\"\n:6: allow: \"-1\" is not a number of 0 to 4294967294"),
        web(
            "allow = [\"uid:4294967295\"]",
            ":3: allow: \"4294967295\" is not a number of 0 to 4294967294"),
        web(
            "allow = [\"all:x\", \"user:\", \"user:root\\u0000\"]",
            ":3: allow must hold \"user:NAME\", \"uid:NUMBER\", \"group:NAME\", \"gid:NUMBER\" or \"all\", not the string \"all:x\"; did you mean \"all\"?\n:3: allow: this host has no user \"\"\n:3: allow: this host has no user \"root\\u0000\""),
        web("v6only = 1", ":3: v6only must be true or false, not the integer 1"),
        web(
            "device = \"a/b\"",
            ":3: device must be the name of a network interface, 1 to 15 characters, not the string \"a/b\""),
        web(
            "device = \"sixteen-letters!\"",
            ":3: device must be the name of a network interface, 1 to 15 characters, not the string \"sixteen-letters!\""),
        web(
            "defer-accept = 10",
            ":3: defer-accept must be a duration of \"1s\" to \"1h\", not the integer 10; write \"10s\" for seconds or \"10ms\" for milliseconds"),
        web(
            "defer-accept = \"1500ms\"",
            ":3: defer-accept must be a duration of whole seconds, not the string \"1500ms\""),
        web(
            "fast-open = 1.5",
            ":3: fast-open must be an integer of 1 to 65535, not the number 1.5"),
        web("keepalive = []", ":3: keepalive must be true or false, not an array"),
        web(
            "receive-buffer = \"64KB\"",
            ":3: receive-buffer must be 1 to 1073741823 bytes: an integer, or a string such as \"64KiB\", not the string \"64KB\""),
        web(
            "send-buffer = 0",
            ":3: send-buffer must be 1 to 1073741823 bytes: an integer, or a string such as \"64KiB\", not the integer 0"),
        web(
            "send-buffer = \"1GiB\"",
            ":3: send-buffer must be 1 to 1073741823 bytes: an integer, or a string such as \"64KiB\", not the string \"1GiB\""),
        web("mark = -1", ":3: mark must be an integer of 0 to 4294967295, not the integer -1"),
        web(
            "mode = \"0660\"",
            ":3: mode is for Unix sockets with a path; [listener.web] listens on 8080"),
        web(
            "owner = \"www-data\"",
            ":3: owner is for Unix sockets with a path; [listener.web] listens on 8080"),
        web(
            "v1.listen = \"80\"",
            ":3: unknown key \"v1\" in [listener.web]; a listener's name with a dot goes in quotes: [listener.\"web.v1\"]"),
        web(
            "x = 1\n\n[listener.api]\nlisten = \"*:8080\"",
            ":3: unknown key \"x\" in [listener.web]\n:6: [listener.api] and [listener.web] (line 2) both listen on 8080; a listener needs an endpoint of its own"),
        Arguments.of(
            "[listener.a]\nlisten = \"unix:/run/x\"\n[listener.b]\nlisten = \"seqpacket:/run/x\"",
            ":4: [listener.b] and [listener.a] (line 2) both listen on seqpacket:/run/x; a listener needs an endpoint of its own"),
        Arguments.of(
            "[listener.a]\nlisten = \"127.0.0.1:80\"\nv6only = true",
            ":3: v6only is for listeners that IPv6 reaches; [listener.a] listens on 127.0.0.1:80"),
        Arguments.of(
            "[listener.a]\nlisten = \"udp:53\"\ndefer-accept = \"1s\"\nbacklog = 5\nidle = \"queue\"\ncompanion = true",
            ":3: defer-accept is for TCP; [listener.a] listens on udp:53\n:4: backlog is for listeners that take connections; [listener.a] listens on udp:53\n:5: idle is for listeners that take connections; [listener.a] listens on udp:53\n:6: companion is for TCP; [listener.a] listens on udp:53"),
        Arguments.of(
            "[listener.a]\nlisten = \"unix:@x\"\nmode = \"0600\"\nfreebind = true",
            ":3: mode is for Unix sockets with a path; [listener.a] listens on unix:@x\n:4: freebind is for TCP and UDP; [listener.a] listens on unix:@x"),
        Arguments.of(
            "[listener.a]\nlisten = \"unix:/x\"\nmode = 660\nowner = \"nobody-here\"\ngroup = true",
            ":3: mode must be a string of octal digits such as \"0660\", not the integer 660\n:4: owner: this host has no user \"nobody-here\"\n:5: group must be the name or number of a group, not true"),
        Arguments.of(
            "[listener.a]\nlisten = \"127.0.0.1:99999\"",
            ":2: listen spec \"127.0.0.1:99999\": position 10: port 99999 is not in 1–65535"),
        Arguments.of(
            "[listener.a]\nlisten = 8080",
            ":2: listen must be a string such as \"127.0.0.1:8080\", not the integer 8080; write \"8080\""),
        Arguments.of(
            "[listener.a]\nbacklog = 5",
            ":1: [listener.a] lacks listen; write for example listen = \"127.0.0.1:8080\""),
        Arguments.of(
            "[listener.\"a:b\"]\nlisten = \"80\"",
            ":1: listener name \"a:b\": a name is 1 to 64 letters, digits, '.', '_', '@' or '-', and does not start with '-' or '.'"),
        Arguments.of(
            "[listener]\nlisten = \"80\"",
            ":2: a listener has a name: write [listener.NAME] above listen"),
        Arguments.of("listener.web = \"80\"", ":1: listener.web must be a section [listener.NAME]"),
        Arguments.of(
            "listener = 1\nbroker = 2",
            ":1: listener must be sections [listener.NAME], not the integer 1\n:2: broker must be a section [broker], not the integer 2"),
        Arguments.of(
            "[[listener]]\nlisten = \"80\"",
            ":1: listener must be sections [listener.NAME], not an array"),
        Arguments.of("[brokr]", ":1: unknown section [brokr]; did you mean \"broker\"?"),
        Arguments.of(
            "backlog = 1",
            ":1: unknown key \"backlog\" above all sections; it belongs in [broker], [listener.NAME] or [service.NAME]"),
        Arguments.of("[[broker]]", ":1: broker must be a section [broker], not an array"),
        broker(
            "socket = \"run/x\"",
            ":2: socket must be an absolute path, or '@' and a name of the abstract namespace, not the string \"run/x\""),
        broker(
            "socket = \"/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
            ":2: socket: Unix socket path \"/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" has 109 bytes; the kernel takes 1 to 107"),
        broker("state = \"state\"", ":2: state must be an absolute path, not the string \"state\""),
        broker(
            "mode = \"rw\"\nowner = -1\ngroup = \"web\"",
            ":2: mode must be a string of octal digits such as \"0660\", not the string \"rw\"\n:3: owner: \"-1\" is not a number of 0 to 4294967294\n:4: group: this host has no group \"web\""),
        broker(
            "frame-time = 5",
            ":2: frame-time must be a duration of \"10ms\" to \"1h\", not the integer 5; write \"5s\" for seconds or \"5ms\" for milliseconds"),
        broker(
            "silent-time = \"5\"",
            ":2: silent-time must be a duration of \"10ms\" to \"1h\", not the string \"5\"; write \"5s\" for seconds or \"5ms\" for milliseconds"),
        broker(
            "audit-every = \"1ms\"",
            ":2: audit-every must be a duration of \"10ms\" to \"1h\", not the string \"1ms\""),
        broker("stored = -1", ":2: stored must be an integer of 0 to 1000000, not the integer -1"),
        broker(
            "conections-per-uid = 5",
            ":2: unknown key \"conections-per-uid\" in [broker]; did you mean \"connections-per-uid\"?"),
        broker(
            "drain-time = 1979-05-27",
            ":2: drain-time must be a duration of \"0s\" to \"8760h\", not the date or time 1979-05-27"),
        broker("mode = 0660", ":2: Leading zeros are not allowed"),
        Arguments.of("[broker\n", ":1: Unexpected end of line, expected ]"),
        Arguments.of(
            "[broker]\nstored = 1\nstored = 2\n",
            ":3: stored previously defined at line 2, column 1"),
        Arguments.of("a = \"\u001b\"", ":1: Unexpected '\\u001b', expected \" or a character"),
        Arguments.of(
            "\"\\u001b[2J\" = 1",
            ":1: unknown key \"\\u001b[2J\" above all sections; it belongs in [broker], [listener.NAME] or [service.NAME]"),
        broker(
            "socket = \"/\\u001bxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
            ":2: socket: Unix socket path \"/?xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" has 110 bytes; the kernel takes 1 to 107"));
  }

  @ParameterizedTest
  @MethodSource("badFiles")
  void saysWhatIsWrongAndWhere(String text, String messages) throws Exception {
    Path file = directory.resolve("holdfast.toml");
    Files.writeString(file, text);

    ConfigException thrown =
        catchThrowableOfType(ConfigException.class, () -> Configuration.read(file, FakeHost.PLAIN));

    assertThat(thrown).isNotNull();
    String expected = messages.lines().map(line -> file + line).collect(Collectors.joining("\n"));
    assertThat(thrown).hasMessage(expected);
  }

  @Test
  void tellsTheColumn() throws Exception {
    Path file = directory.resolve("holdfast.toml");
    Files.writeString(file, "[broker]\ncontrol = [\"all\", \"user:nobody-here\"]\n");

    ConfigException thrown =
        catchThrowableOfType(ConfigException.class, () -> Configuration.read(file, FakeHost.PLAIN));

    assertThat(thrown.problems())
        .containsExactly(
            new Problem(file.toString(), 2, 19, "control: this host has no user \"nobody-here\""));
  }

  @Test
  void saysWhyAFileCannotBeRead() throws Exception {
    Path latin = Files.write(directory.resolve("latin"), new byte[] {'#', (byte) 0xe9, '\n'});
    Path large =
        Files.write(directory.resolve("large"), new byte[ConfigurationFile.MOST_BYTES + 1]);

    assertThat(messageOf(directory.resolve("absent")))
        .endsWith("absent: cannot be read: there is no such file");
    assertThat(messageOf(directory)).endsWith(": cannot be read: Is a directory");
    assertThat(messageOf(latin)).endsWith("latin: is not UTF-8");
    assertThat(messageOf(large)).endsWith("large: is over 1048576 bytes; is it a configuration?");
  }

  @Test
  void garbageIsNeverMoreThanABadConfiguration() throws Exception {
    long seed = System.nanoTime();
    System.out.println("garbage seed " + seed);
    Random random = new Random(seed);
    String[] good =
        Stream.concat(badFiles(), BadServiceConfigurationTest.badFiles())
            .map(row -> (String) row.get()[0])
            .toArray(String[]::new);
    Path file = directory.resolve("holdfast.toml");
    for (int i = 0; i < GARBAGE_FILES; i++) {
      Files.write(file, garbage(random, good));
      try {
        Configuration.read(file, FakeHost.PLAIN);
      } catch (ConfigException expected) {
        assertThat(expected.problems()).as("seed %d, file %d", seed, i).isNotEmpty();
        assertThat(expected.problems())
            .as("seed %d, file %d", seed, i)
            .allSatisfy(
                problem -> assertThat(problem.message()).doesNotContainPattern("\\p{Cntrl}"));
      } catch (RuntimeException | StackOverflowError e) {
        throw new AssertionError("seed " + seed + ", file " + i + ": " + Files.readString(file), e);
      }
    }
  }

  /** Noise, or a file with some bytes of it changed, or pieces of files glued together. */
  private static byte[] garbage(Random random, String[] texts) {
    byte[] bytes =
        (texts[random.nextInt(texts.length)] + "\n" + texts[random.nextInt(texts.length)])
            .getBytes(StandardCharsets.UTF_8);
    if (random.nextInt(4) == 0) {
      random.nextBytes(bytes);
      return bytes;
    }
    String letters = "\"'[]{}=.,#\n\0\\u-+_0x9\u001b ";
    for (int changes = random.nextInt(6); changes > 0 && bytes.length > 0; changes--) {
      bytes[random.nextInt(bytes.length)] = (byte) letters.charAt(random.nextInt(letters.length()));
    }
    return bytes;
  }

  private static String messageOf(Path file) {
    ConfigException thrown =
        catchThrowableOfType(ConfigException.class, () -> Configuration.read(file, FakeHost.PLAIN));
    return String.valueOf(thrown.getMessage());
  }

  /** A section with one listener on 8080, and more keys. */
  private static Arguments web(String keys, String messages) {
    return Arguments.of("[listener.web]\nlisten = \"8080\"\n" + keys, messages);
  }

  private static Arguments broker(String keys, String messages) {
    return Arguments.of("[broker]\n" + keys, messages);
  }
}
