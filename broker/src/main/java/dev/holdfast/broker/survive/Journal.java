package dev.holdfast.broker.survive;

import dev.holdfast.broker.core.Entry;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.PrivateFile;
import dev.holdfast.fd.ProcessStart;
import dev.holdfast.varlink.ByteSink;
import dev.holdfast.varlink.JsonObject;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.IntToLongFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The log file of what a broker has to know again when it has died: the first line says of which
 * boot, each other one puts or deletes an entry.
 *
 * <p>It is not synced to the disk: a broker that dies leaves what it wrote with the kernel, and
 * when the host dies, so do all sockets and processes that it tells of. Used by the loop's thread.
 */
public final class Journal implements AutoCloseable {

  private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");
  private static final int SLACK = 64 << 10;
  private static final Duration BETWEEN_TRIES = Duration.ofSeconds(10);

  /**
   * What a file says.
   *
   * @param entries in the order of their kinds; each stands on others that are there
   * @param started when the process of a lease's or a worker's entry began, in clock ticks; what is
   *     missing was not known
   * @param socket the control socket of the broker that wrote it
   * @param ended on purpose: the broker left what outlives it, and nothing of its own
   * @param problems sentences for the log
   */
  public record Content(
      List<Entry> entries,
      Map<Entry.Key, Long> started,
      Optional<String> socket,
      boolean ended,
      List<String> problems) {

    public static final Content NONE =
        new Content(List.of(), Map.of(), Optional.empty(), false, List.of());

    public Content {
      entries = List.copyOf(entries);
      started = Map.copyOf(started);
      problems = List.copyOf(problems);
    }

    public boolean isEmpty() {
      return entries.isEmpty();
    }
  }

  /** What stands in the file, and the process that its pid meant when it was first written. */
  private record Written(Entry entry, int pid, long started, int length) {}

  private final Path file;
  private final JsonObject header;
  private final IntToLongFunction startOf;
  private final JournalLine line = new JournalLine();
  private final ByteSink batch = new ByteSink(4096);
  private final Map<Entry.Key, Written> written = new HashMap<>();
  private @Nullable PrivateFile open;
  private long size;
  private long needed;
  private boolean behind;
  private @Nullable String trouble;
  private @Nullable String said;
  private Instant nextTry = Instant.MIN;

  private Journal(Path file, JsonObject header, IntToLongFunction startOf) {
    this.file = file;
    this.header = header;
    this.startOf = startOf;
  }

  /**
   * What the file says. Never throws because of what it is; a missing one is empty without a
   * problem, and a last line that was not written to its end is no problem either.
   *
   * @param ownUid whom it has to belong to
   */
  public static Content read(Path file, int ownUid) {
    return new JournalReader(file, ownUid, bootId()).read();
  }

  /** As {@link #create(Path, Optional, List, Content)}, for a broker that remembers nothing. */
  public static Journal create(Path file, List<Entry> all) throws IOException {
    return create(file, Optional.empty(), all, Content.NONE);
  }

  /**
   * Replaces the file by these, and goes on behind them. It is written beside and renamed: whenever
   * the broker dies, one of the two is there, whole.
   *
   * @param socket the control socket
   * @param before what was remembered: a process that ended meanwhile, whose pid may be another's
   *     now, keeps the start that was written when it lived
   */
  public static Journal create(Path file, Optional<String> socket, List<Entry> all, Content before)
      throws IOException {
    return create(file, bootId(), socket, all, before, ProcessStart::ticks);
  }

  static Journal create(
      Path file,
      String boot,
      Optional<String> socket,
      List<Entry> all,
      Content before,
      IntToLongFunction startOf)
      throws IOException {
    JsonObject header =
        JsonObject.builder()
            .put("holdfast", "journal")
            .put("format", EntryText.FORMAT)
            .put("boot", boot)
            .put("pid", Limits.processId())
            .put("socket", socket.orElse(null))
            .build();
    Journal journal = new Journal(file, header, startOf);
    for (Entry entry : before.entries()) {
      long started = before.started().getOrDefault(entry.key(), 0L);
      journal.written.put(entry.key(), new Written(entry, pid(entry), started, 0));
    }
    journal.replace(all);
    return journal;
  }

  /**
   * Appends those of the touched entries that differ from what was written last, with one write. A
   * file that has grown to twice what is needed and 64 KiB is replaced.
   *
   * <p>When the file could not be written, it is replaced as soon as that works again, tried every
   * ten seconds at most by the calls of this method: call it again at {@link #nextTry}.
   *
   * @param now the entry of a key; empty for one that is no more
   * @param all the whole state
   * @return what went wrong, as a sentence; the same is said once
   */
  public Optional<String> write(
      Collection<Entry.Key> touched,
      Function<Entry.Key, Optional<Entry>> now,
      Supplier<List<Entry>> all,
      Instant moment) {
    if (!behind) {
      batch.clear();
      for (Entry.Key key : touched) {
        collect(key, now.apply(key));
      }
      if (batch.length() > 0) {
        append(moment);
      }
    }
    boolean due = behind || size > 2 * needed + SLACK;
    if (due && !moment.isBefore(nextTry)) {
      try {
        replace(all.get());
        trouble = null;
      } catch (IOException e) {
        failed(e, moment);
      }
    }
    return takeTrouble();
  }

  /**
   * When to call {@link #write} again, though nothing may have changed; empty while all is well.
   */
  public Optional<Instant> nextTry() {
    return behind ? Optional.of(nextTry) : Optional.empty();
  }

  private void collect(Entry.Key key, Optional<Entry> now) {
    Written before = written.get(key);
    if (now.isPresent()) {
      if (before == null || !before.entry().equals(now.get())) {
        put(now.get(), before, batch);
      }
    } else if (before != null) {
      written.remove(key);
      needed -= before.length();
      int unused = line.append(JsonObject.of("delete", EntryText.key(key)), batch);
    }
  }

  private void put(Entry entry, @Nullable Written before, ByteSink into) {
    int pid = pid(entry);
    // Asked once: later the pid may be another's.
    long started =
        pid == 0
            ? 0
            : before != null && before.pid() == pid ? before.started() : startOf.applyAsLong(pid);
    JsonObject text =
        JsonObject.of(
            "put", EntryText.write(entry), "started", started == 0 ? null : (Long) started);
    int length = line.append(text, into);
    needed += length - (before == null ? 0 : before.length());
    written.put(entry.key(), new Written(entry, pid, started, length));
  }

  private static int pid(Entry entry) {
    if (entry instanceof Entry.OfLease lease) {
      return lease.pid();
    }
    return entry instanceof Entry.OfWorker worker ? worker.pid() : 0;
  }

  private void append(Instant moment) {
    PrivateFile present = open;
    try {
      if (present == null) {
        throw new IllegalStateException("this journal is closed");
      }
      present.write(batch.view());
      size += batch.length();
    } catch (IOException e) {
      // A part of it may stand there, and nothing readable can follow: only a new file mends it.
      behind = true;
      failed(e, moment);
    }
  }

  private void failed(IOException e, Instant moment) {
    String reason = String.valueOf(e.getMessage());
    nextTry = moment.plus(BETWEEN_TRIES);
    if (!reason.equals(said)) {
      said = reason;
      trouble =
          reason
              + (behind
                  ? ": until this is mended, a broker that is killed will be remembered as it was"
                      + " before"
                  : ": the journal grows until this is mended");
    }
  }

  private Optional<String> takeTrouble() {
    Optional<String> result = Optional.ofNullable(trouble);
    trouble = null;
    return result;
  }

  private void replace(List<Entry> all) throws IOException {
    Map<Entry.Key, Written> before = new HashMap<>(written);
    long neededBefore = needed;
    ByteSink whole = new ByteSink(SLACK);
    written.clear();
    int unused = line.append(header, whole);
    needed = whole.length();
    for (Entry entry : all) {
      Written known = before.get(entry.key());
      put(entry, known == null ? null : new Written(entry, known.pid(), known.started(), 0), whole);
    }
    PrivateFile next;
    try {
      next = writeBeside(whole);
    } catch (IOException e) {
      written.clear();
      written.putAll(before);
      needed = neededBefore;
      throw e instanceof FileSystemException system ? inWords(system) : e;
    }
    close();
    open = next;
    size = whole.length();
    behind = false;
    said = null;
  }

  /** Makes a file of these bytes in the place of the present one; owned by the caller. */
  private PrivateFile writeBeside(ByteSink bytes) throws IOException {
    Path beside = file.resolveSibling(file.getFileName() + ".new");
    // Of a broker that was killed here; it may also be what somebody else left.
    Files.deleteIfExists(beside);
    PrivateFile next = PrivateFile.create(beside);
    try {
      next.write(bytes.view());
      next.renameTo(file);
      return next;
    } catch (IOException e) {
      next.close();
      boolean unused = beside.toFile().delete();
      throw e;
    }
  }

  /** The JDK's messages begin with a bare path. */
  private IOException inWords(FileSystemException e) {
    return new IOException("replace " + file + ": " + e.getMessage(), e);
  }

  /** The file stays. */
  @Override
  public void close() {
    if (open != null) {
      open.close();
      open = null;
    }
  }

  /** And the file goes: the broker ended on purpose, and left nothing to remember. */
  public void remove() {
    close();
    boolean unused = file.toFile().delete();
  }

  private static String bootId() {
    try {
      return Files.readString(BOOT_ID).strip();
    } catch (IOException e) {
      return "";
    }
  }
}
