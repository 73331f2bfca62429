package dev.holdfast.broker.survive;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.holdfast.broker.core.Entry;
import dev.holdfast.broker.core.WorkerState;
import dev.holdfast.fd.Limits;
import dev.holdfast.listener.LeaseId;
import dev.holdfast.listener.ListenerName;
import dev.holdfast.varlink.ByteSink;
import dev.holdfast.varlink.Json;
import dev.holdfast.varlink.JsonException;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(300)
class JournalTest {

  private static final String BOOT = "b007";
  private static final Instant NOW = Instant.parse("2026-01-02T03:04:05Z");
  private static final boolean PROOF = Boolean.getBoolean("holdfast.proof");

  @TempDir Path directory;
  private Path file;
  private final Map<Entry.Key, Entry> state = new LinkedHashMap<>();
  private final long seed = Long.getLong("holdfast.seed", new SecureRandom().nextLong());
  private final RandomEntries random = new RandomEntries(seed);

  @BeforeEach
  void name() {
    file = directory.resolve("journal");
  }

  private Journal.Content read() {
    return read(file);
  }

  private static Journal.Content read(Path file) {
    return new JournalReader(file, Limits.effectiveUid(), BOOT).read();
  }

  private Journal create(Journal.Content before) throws IOException {
    return Journal.create(file, BOOT, Optional.of("/run/c"), all(), before, pid -> pid * 10L);
  }

  private List<Entry> all() {
    return List.copyOf(state.values());
  }

  private Optional<String> write(Journal journal, Instant moment, Entry... changed) {
    for (Entry entry : changed) {
      state.put(entry.key(), entry);
    }
    return journal.write(
        Arrays.stream(changed).map(Entry::key).toList(), this::now, this::all, moment);
  }

  private Optional<Entry> now(Entry.Key key) {
    return Optional.ofNullable(state.get(key));
  }

  private void have(List<Entry> entries) {
    state.clear();
    entries.forEach(entry -> state.put(entry.key(), entry));
  }

  /** A line of the file for a text. */
  private static byte[] line(String json) throws JsonException {
    return line(Json.parse(json));
  }

  private static byte[] line(JsonObject json) {
    ByteSink sink = new ByteSink(100);
    int unused = new JournalLine().append(json, sink);
    byte[] bytes = new byte[sink.length()];
    sink.view().get(bytes);
    return bytes;
  }

  private static byte[] header() {
    return line(JsonObject.of("holdfast", "journal", "format", 1, "boot", BOOT));
  }

  private void fill(byte[]... parts) throws IOException {
    ByteSink whole = new ByteSink(100);
    for (byte[] part : parts) {
      whole.append(ByteBuffer.wrap(part));
    }
    byte[] bytes = new byte[whole.length()];
    whole.view().get(bytes);
    Files.write(file, bytes);
  }

  // ---- what is written is read

  @Test
  void whatWasCreatedAndAppendedIsRead() throws Exception {
    have(random.state(20));
    try (Journal journal = create(Journal.Content.NONE)) {
      Entry.OfLease lease =
          random.lease(new LeaseId("new"), List.of(new ListenerName("l1")), 0, 77);
      assertThat(write(journal, NOW, lease, random.listener("l1"))).isEmpty();
      Entry.Key gone = new Entry.Key(Entry.Kind.DEPOSIT, "memory");
      state.remove(gone);
      assertThat(journal.write(List.of(gone), this::now, this::all, NOW)).isEmpty();

      Journal.Content content = read();
      assertThat(content.problems()).isEmpty();
      assertThat(content.entries()).containsExactlyInAnyOrderElementsOf(state.values());
      assertThat(content.entries())
          .isSortedAccordingTo((a, b) -> a.key().kind().compareTo(b.key().kind()));
      assertThat(content.socket()).contains("/run/c");
      assertThat(content.started()).containsEntry(lease.key(), 770L);
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
          .isEqualTo("rw-------");
    }
  }

  @Test
  void readsWhatABrokerOfFormatOneWrote() throws Exception {
    fill(Fixtures.FORMAT_1.getBytes(UTF_8));

    Journal.Content content = read();

    assertThat(content.problems()).isEmpty();
    assertThat(content.socket()).contains("/run/holdfast/control.sock");
    assertThat(content.entries())
        .extracting(entry -> EntryText.word(entry.key().kind()) + " " + entry.key().name())
        .containsExactly(
            "broker ",
            "listener web",
            "service shop",
            "lease L5",
            "lease L6",
            "worker 5",
            "deposit kept");
    assertThat(content.started().values()).containsExactlyInAnyOrder(99L, 98L, 99L);
    // Every member is read: written again, the entries are the texts of the file.
    List<String> texts = new ArrayList<>();
    for (Entry entry : content.entries()) {
      texts.add(Json.write(EntryText.write(entry)));
    }
    for (String text : texts) {
      assertThat(Fixtures.FORMAT_1).contains(text);
    }
  }

  @Test
  void whatIsAsItWasIsNotWrittenAgain() throws Exception {
    have(random.state(12));
    try (Journal journal = create(Journal.Content.NONE)) {
      long size = Files.size(file);
      assertThat(journal.write(state.keySet(), this::now, this::all, NOW)).isEmpty();
      assertThat(
              journal.write(
                  List.of(new Entry.Key(Entry.Kind.LEASE, "never")), this::now, this::all, NOW))
          .isEmpty();
      assertThat(Files.size(file)).isEqualTo(size);
    }
  }

  @Test
  void theStartOfAProcessIsThatOfWhenItWasFirstWritten() throws Exception {
    have(random.state(12));
    create(Journal.Content.NONE).close();
    Journal.Content before = read();
    assertThat(before.started()).isNotEmpty();

    // Meanwhile all pids were given to others.
    Journal.create(file, BOOT, Optional.empty(), all(), before, pid -> 5).close();

    assertThat(read().started()).isEqualTo(before.started());
  }

  @Test
  void aFileThatHasGrownIsReplaced() throws Exception {
    have(random.state(12));
    try (Journal journal = create(Journal.Content.NONE)) {
      long needed = Files.size(file);
      long largest = 0;
      for (int i = 0; i < 5_000; i++) {
        assertThat(write(journal, NOW, random.listener("l1"))).isEmpty();
        largest = Math.max(largest, Files.size(file));
      }
      assertThat(largest).isBetween(64L << 10, 4 * needed + (80 << 10));
      assertThat(read().entries()).containsExactlyInAnyOrderElementsOf(state.values());
      assertThat(directory).isDirectoryContaining(path -> path.equals(file));
      assertThat(directory.resolve("journal.new")).doesNotExist();
    }
  }

  @Test
  void theFileGoesOnPurposeOnly() throws Exception {
    Journal journal = create(Journal.Content.NONE);
    journal.close();
    assertThat(file).exists();
    journal.remove();
    assertThat(file).doesNotExist();
  }

  // ---- what is not ours

  @Test
  void aMissingFileIsNoProblem() {
    assertThat(read()).isEqualTo(Journal.Content.NONE);
    assertThat(read(directory.resolve("no/such/journal"))).isEqualTo(Journal.Content.NONE);
  }

  @Test
  void whatStandsInItsPlaceIsIgnoredWithALine() throws Exception {
    Files.createDirectory(file);
    assertIgnored("is not a regular file");
    Files.delete(file);

    assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor(10, TimeUnit.SECONDS))
        .isTrue();
    assertIgnored("is not a regular file");
    Files.delete(file);

    Path other = Files.write(directory.resolve("other"), header());
    Files.createSymbolicLink(file, other);
    assertIgnored("is a symbolic link");
    Files.delete(file);

    fill(header());
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw--w----"));
    assertIgnored("may be written by others than its owner (mode 0620)");
  }

  @Test
  void whatAnotherWroteIsIgnoredWithALine() throws Exception {
    fill(Fixtures.FORMAT_1.getBytes(UTF_8));
    int own = Limits.effectiveUid();

    Journal.Content content = new JournalReader(file, own + 1, BOOT).read();

    assertThat(content.entries()).isEmpty();
    assertThat(content.problems())
        .containsExactly(
            file
                + " belongs to uid "
                + own
                + ", not to the broker's "
                + (own + 1)
                + ": it is ignored");
    assertThat(new JournalReader(file, own, "another").read().problems())
        .containsExactly(
            file + " is of another boot of this host, nothing of which is left: it is ignored");
    assertThat(new JournalReader(file, own, "").read().problems())
        .singleElement()
        .asString()
        .startsWith("/proc/sys/kernel/random/boot_id cannot be read");

    fill(line("{\"holdfast\":\"journal\",\"format\":2}"));
    assertIgnored("has format 2, and this broker reads format 1");
    fill(line("{\"holdfast\":\"diary\",\"format\":1}"));
    assertIgnored("does not begin as a journal does");
    fill("hello\n".getBytes(UTF_8));
    assertIgnored("does not begin as a journal does");
    fill();
    assertIgnored("has no whole first line");
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[1]), (256L << 20) + 1); // sparse
    }
    assertIgnored("more than 268435456");
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(40L << 20); // zeroes without a line feed
    }
    assertIgnored("does not begin as a journal does");
  }

  private void assertIgnored(String reason) {
    Journal.Content content = read();
    assertThat(content.entries()).isEmpty();
    assertThat(content.problems())
        .singleElement()
        .asString()
        .startsWith(file.toString())
        .contains(reason);
  }

  @Test
  void anEntryThatCannotBeReadIsForgottenAndTheRestIsRead() throws Exception {
    fill(
        header(),
        line(
            "{\"put\":{\"kind\":\"deposit\",\"name\":\"a\",\"type\":\"t\",\"uid\":1,\"descriptor\":1}}"),
        line(
            "{\"put\":{\"kind\":\"deposit\",\"name\":\"b\",\"type\":\"t\",\"uid\":1,\"descriptor\":2}}"),
        line("{\"put\":{\"kind\":\"deposit\",\"name\":\"a\",\"type\":7}}"),
        line(
            "{\"put\":{\"kind\":\"deposit\",\"name\":\"c\",\"type\":\"t\",\"uid\":1,\"descriptor\":2}}"));

    Journal.Content content = read();

    assertThat(content.problems())
        .containsExactly(
            file + ": line 4: type: expected a string, found Long: this line is ignored",
            "deposit c is not remembered: its descriptor is another's");
    assertThat(content.entries())
        .containsExactly(new Entry.OfBroker(0), new Entry.OfDeposit("b", "t", 1, 2));
  }

  @Test
  void whatStandsOnNothingIsDropped() throws Exception {
    have(random.state(16)); // leases 3 and 6 and so on have workers
    Entry.Key third = new Entry.Key(Entry.Kind.WORKER, "3");
    state.put(third, serving((Entry.OfWorker) state.get(third))); // one that goes needs no lease
    state.remove(new Entry.Key(Entry.Kind.LEASE, "lease3"));
    state.remove(new Entry.Key(Entry.Kind.WORKER, "6"));
    state.remove(new Entry.Key(Entry.Kind.LISTENER, "l2"));
    state.remove(new Entry.Key(Entry.Kind.BROKER, ""));
    create(Journal.Content.NONE).close();

    Journal.Content content = read();

    assertThat(content.problems())
        .contains(
            "worker 3 is not remembered: its service or its lease is missing",
            "lease lease6 is not remembered: its worker is missing",
            "lease lease1 names listener l2, which is not there");
    assertThat(content.entries()).contains(new Entry.OfBroker(9));
    assertThat(content.entries())
        .filteredOn(Entry.OfLease.class::isInstance)
        .isNotEmpty()
        .allSatisfy(
            lease ->
                assertThat(((Entry.OfLease) lease).request().names())
                    .extracting(name -> name.value())
                    .containsExactly("l0"));
    state.remove(new Entry.Key(Entry.Kind.SERVICE, "shop"));
    create(Journal.Content.NONE).close();
    assertThat(read().entries())
        .noneMatch(entry -> entry instanceof Entry.OfWorker)
        .noneMatch(entry -> entry instanceof Entry.OfLease lease && lease.worker() != 0);
  }

  private static Entry.OfWorker serving(Entry.@Nullable OfWorker worker) {
    Entry.OfWorker known = Objects.requireNonNull(worker);
    return new Entry.OfWorker(
        known.worker(),
        known.service(),
        known.generation(),
        known.config(),
        known.lease(),
        known.since(),
        known.pid(),
        WorkerState.READY,
        known.readyAt(),
        known.settled(),
        known.killed(),
        known.abandoned(),
        known.failure(),
        known.status(),
        known.asked());
  }

  // ---- damage

  @Test
  void tornAtEveryByteItIsWhatWasWrittenBefore() throws Exception {
    have(random.state(PROOF ? 20 : 10));
    create(Journal.Content.NONE).close();
    byte[] whole = Files.readAllBytes(file);
    int header =
        Arrays.asList(new String(whole, UTF_8).split("\n")).get(0).getBytes(UTF_8).length + 1;
    int before = Integer.MAX_VALUE;
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      for (int length = whole.length - 1; length >= 0; length--) {
        channel.truncate(length);
        Journal.Content content = read();
        if (length < header) {
          assertIgnored("has no whole first line");
        } else {
          assertThat(content.problems()).noneMatch(problem -> problem.contains("damaged"));
        }
        assertThat(content.entries().size())
            .as("seed %d, %d bytes", seed, length)
            .isLessThanOrEqualTo(before);
        before = content.entries().size();
        assertThat(state.values())
            .as("seed %d", seed)
            .containsAll(withoutBroker(content.entries()));
      }
    }
  }

  @Test
  void withAnyByteChangedItIsWhatStandsBeforeThat() throws Exception {
    have(random.state(PROOF ? 20 : 10));
    create(Journal.Content.NONE).close();
    byte[] whole = Files.readAllBytes(file);
    Random bits = new Random(seed);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      for (int at = 0; at < whole.length; at++) {
        int change = 1 + bits.nextInt(255);
        channel.write(ByteBuffer.wrap(new byte[] {(byte) (whole[at] ^ change)}), at);
        Journal.Content content = read();
        // A hexadecimal digit may become its capital, a last line feed may go.
        if (content.problems().isEmpty() && at < whole.length - 1) {
          assertThat(change).as("seed %d, byte %d", seed, at).isEqualTo(0x20);
        }
        assertThat(state.values())
            .as("seed %d", seed)
            .containsAll(withoutBroker(content.entries()));
        channel.write(ByteBuffer.wrap(whole, at, 1), at);
      }
    }
    assertThat(read().entries()).containsExactlyInAnyOrderElementsOf(state.values());
  }

  private static List<Entry> withoutBroker(List<Entry> entries) {
    return entries.stream().filter(entry -> !(entry instanceof Entry.OfBroker)).toList();
  }

  @Test
  void noLineWhateverItSaysEndsInAnythingButASentence() throws Exception {
    Random change = new Random(seed);
    List<String> texts = new ArrayList<>();
    for (Entry entry : random.state(18)) {
      texts.add(Json.write(JsonObject.of("put", EntryText.write(entry), "started", 5)));
    }
    texts.add("{\"delete\":{\"kind\":\"lease\",\"name\":\"lease1\"}}");
    int left = PROOF ? 1_000_000 : 4_000;
    while (left > 0) {
      ByteSink sink = new ByteSink(1 << 16);
      sink.append(ByteBuffer.wrap(header()));
      for (int i = 0; i < 1000 && left > 0; i++, left--) {
        String text = texts.get(change.nextInt(texts.size()));
        sink.append(ByteBuffer.wrap(line(changed(text, change))));
      }
      byte[] bytes = new byte[sink.length()];
      sink.view().get(bytes);
      Files.write(file, bytes);
      assertThat(read().problems()).as("-Dholdfast.seed=%d", seed).hasSizeLessThanOrEqualTo(21);
    }
  }

  /** Still JSON: with other values, names and members. */
  private static JsonObject changed(String text, Random change) {
    while (true) {
      StringBuilder result = new StringBuilder(text);
      for (int i = 1 + change.nextInt(3); i > 0; i--) {
        int at = change.nextInt(result.length());
        int end = Math.min(result.length(), at + change.nextInt(4));
        String[] others = {
          "",
          "0",
          "-1",
          "9",
          "99999999999",
          "1e9",
          "null",
          "true",
          "\"\"",
          "\"x",
          "{}",
          "[]",
          ":",
          ",",
          "\\u0000",
          "/"
        };
        result.replace(at, end, others[change.nextInt(others.length)]);
      }
      try {
        return Json.parse(result.toString());
      } catch (JsonException e) {
        // once more
      }
    }
  }

  // ---- disks that are full

  @Test
  void aReplacementThatFailsIsSaidOnceAndTriedAgain() throws Exception {
    have(random.state(10));
    try (Journal journal = create(Journal.Content.NONE)) {
      Path obstacle = Files.createDirectories(directory.resolve("journal.new/full"));
      List<String> said = new ArrayList<>();
      Instant moment = NOW;
      for (int i = 0; i < 3_000; i++, moment = moment.plusMillis(20)) {
        write(journal, moment, random.listener("l1")).ifPresent(said::add);
      }
      assertThat(said).singleElement().asString().contains("journal.new");
      assertThat(read().entries()).containsExactlyInAnyOrderElementsOf(state.values());
      long size = Files.size(file);

      Files.delete(obstacle);
      assertThat(write(journal, moment.plusSeconds(10), random.listener("l1"))).isEmpty();

      assertThat(Files.size(file)).isLessThan(size);
      assertThat(read().entries()).containsExactlyInAnyOrderElementsOf(state.values());
    }
  }

  @Test
  void aFullDiskIsSaidOnceAndMended() throws Exception {
    Path small = Files.createDirectory(directory.resolve("small"));
    assumeTrue(
        run("mount", "-t", "tmpfs", "-o", "size=128k", "none", small.toString()),
        "may not mount a small file system");
    try {
      file = small.resolve("journal");
      have(random.state(10));
      try (Journal journal = create(Journal.Content.NONE)) {
        Path filler = small.resolve("filler");
        List<String> said = new ArrayList<>();
        try {
          Files.write(filler, new byte[128 << 10]);
        } catch (IOException e) {
          // full now
        }
        for (int i = 0; i < 300; i++) {
          write(journal, NOW, random.listener("l1")).ifPresent(said::add);
        }
        assertThat(said).singleElement().asString().contains("write " + file + ": ENOSPC");
        assertThat(read().problems()).isEmpty();
        Instant again = journal.nextTry().orElseThrow();
        assertThat(again).isEqualTo(NOW.plusSeconds(10));

        Files.delete(filler);
        assertThat(journal.write(List.of(), this::now, this::all, again)).isEmpty();

        assertThat(journal.nextTry()).isEmpty();
        assertThat(read().entries()).containsExactlyInAnyOrderElementsOf(state.values());
      }
    } finally {
      assertThat(run("umount", small.toString())).isTrue();
    }
  }

  private static boolean run(String... command) throws Exception {
    try {
      return new ProcessBuilder(command).redirectErrorStream(true).start().waitFor() == 0;
    } catch (IOException e) {
      return false; // there is no such program
    }
  }

  // ---- what it costs

  @Test
  @Tag("bench")
  void measuresAnAppend() throws Exception {
    try (Journal journal = Journal.create(file, List.of())) {
      int own = Limits.processId();
      int count = 20_000;
      for (int round = 0; round < 8; round++) {
        List<Entry.OfLease> leases = new ArrayList<>();
        for (int i = 0; i < count; i++) {
          leases.add(random.lease(new LeaseId("r" + round + "-" + i), List.of(), 0, own));
        }
        List<String> troubles = new ArrayList<>();
        long began = System.nanoTime();
        for (Entry.OfLease lease : leases) {
          journal
              .write(List.of(lease.key()), key -> Optional.of(lease), () -> List.of(), NOW)
              .ifPresent(troubles::add);
        }
        long took = System.nanoTime() - began;
        assertThat(troubles).isEmpty();
        System.out.printf(
            "an append: %.1f us, %d bytes%n", took / 1000.0 / count, Files.size(file));
      }
    }
  }
}
