package dev.holdfast.broker.survive;

import dev.holdfast.broker.core.Entry;
import dev.holdfast.fd.Errno;
import dev.holdfast.fd.ErrnoException;
import dev.holdfast.fd.PrivateFile;
import dev.holdfast.varlink.JsonObject;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Reads one journal file, once. */
final class JournalReader {

  private static final long LARGEST = 256L << 20;
  private static final int MOST_PROBLEMS = 20;
  private static final int ELOOP = 40; // of O_NOFOLLOW

  private final Path file;
  private final int ownUid;
  private final String boot;
  private final Map<Entry.Key, Entry> entries = new LinkedHashMap<>();
  private final Map<Entry.Key, Long> started = new HashMap<>();
  private final List<String> problems = new ArrayList<>();
  private int unsaid;
  private int line;
  private @Nullable String socket;

  /**
   * @param boot this boot's id; empty where it is not known
   */
  JournalReader(Path file, int ownUid, String boot) {
    this.file = file;
    this.ownUid = ownUid;
    this.boot = boot;
  }

  Journal.Content read() {
    try (PrivateFile opened = PrivateFile.open(file)) {
      Optional<String> obstacle = obstacle(opened.facts());
      if (obstacle.isPresent()) {
        problem(file + " " + obstacle.get() + ": it is ignored");
      } else {
        lines(opened);
      }
    } catch (ErrnoException e) {
      if (e.is(ELOOP)) {
        problem(file + " is a symbolic link: it is ignored");
      } else if (!e.is(Errno.ENOENT)) {
        // What was read before a read failed is as good as what stands before a damaged line.
        problem(
            e.getMessage()
                + (entries.isEmpty() ? ": nothing is remembered" : ": the rest is ignored"));
      }
    }
    List<Entry> sorted = new ArrayList<>(entries.values());
    sorted.sort(Comparator.comparing(entry -> entry.key().kind()));
    List<Entry> consistent = Consistency.check(sorted, this::problem);
    started.keySet().retainAll(consistent.stream().map(Entry::key).toList());
    if (unsaid > 0) {
      problems.add("and " + unsaid + " more of this kind");
    }
    boolean ended =
        !sorted.isEmpty() && sorted.stream().noneMatch(Entry.OfBroker.class::isInstance);
    return new Journal.Content(consistent, started, Optional.ofNullable(socket), ended, problems);
  }

  /** Why the file cannot be a journal of ours. */
  private Optional<String> obstacle(PrivateFile.Facts facts) {
    if (!facts.isRegular()) {
      return Optional.of("is not a regular file");
    } else if (facts.uid() != ownUid) {
      return Optional.of(
          "belongs to uid "
              + Integer.toUnsignedString(facts.uid())
              + ", not to the broker's "
              + Integer.toUnsignedString(ownUid));
    } else if (facts.mayBeWrittenByOthers()) {
      return Optional.of(
          String.format(
              "may be written by others than its owner (mode %04o)", facts.mode() & 07777));
    } else if (facts.size() > LARGEST) {
      return Optional.of("has " + facts.size() + " bytes, more than " + LARGEST);
    }
    return Optional.empty();
  }

  private void lines(PrivateFile opened) throws ErrnoException {
    byte[] bytes = new byte[64 << 10];
    int length = 0;
    for (long total = 0; total <= LARGEST; ) {
      int got = opened.read(ByteBuffer.wrap(bytes, length, bytes.length - length));
      if (got < 0) {
        // A last line without its line feed was being written when the broker ended.
        if (line == 0) {
          problem(file + " has no whole first line: it is ignored");
        }
        return;
      }
      total += got;
      int from = 0;
      int searched = length;
      length += got;
      for (int at = searched; at < length; at++) {
        if (bytes[at] == '\n') {
          if (!take(bytes, from, at - from)) {
            return;
          }
          from = at + 1;
        }
      }
      length -= from;
      System.arraycopy(bytes, from, bytes, 0, length);
      if (length == bytes.length) {
        if (length >= JournalLine.LONGEST + 64) {
          line++;
          damaged();
          return;
        }
        bytes = Arrays.copyOf(bytes, length * 2);
      }
    }
  }

  /** Whether what follows counts too. */
  private boolean take(byte[] bytes, int offset, int length) {
    line++;
    Optional<JsonObject> text = JournalLine.parse(bytes, offset, length);
    if (text.isEmpty()) {
      damaged();
      return false;
    }
    try {
      if (line == 1) {
        return header(text.get());
      }
      change(new Members("", text.get()));
    } catch (UnreadableException e) {
      problem(file + ": line " + line + ": " + e.getMessage() + ": this line is ignored");
    }
    return true;
  }

  private void damaged() {
    problem(
        line == 1
            ? file + " does not begin as a journal does: it is ignored"
            : file + ": line " + line + " is damaged: what follows is ignored");
  }

  private boolean header(JsonObject text) {
    Members in = new Members("", text);
    try {
      if (!in.text("holdfast").equals("journal")) {
        throw in.unreadable("holdfast", "is not \"journal\"");
      }
      long format = in.number("format");
      if (format != EntryText.FORMAT) {
        problem(
            file
                + " has format "
                + format
                + ", and this broker reads format "
                + EntryText.FORMAT
                + ": it is ignored");
        return false;
      }
      String written = in.text("boot");
      if (boot.isEmpty() || !written.equals(boot)) {
        problem(
            boot.isEmpty()
                ? "/proc/sys/kernel/random/boot_id cannot be read, so nobody can tell of which boot "
                    + file
                    + " is: it is ignored"
                : file
                    + " is of another boot of this host, nothing of which is left: it is ignored");
        return false;
      }
      socket = in.maybeText("socket");
      return true;
    } catch (UnreadableException e) {
      problem(file + " does not begin as a journal does: " + e.getMessage() + ": it is ignored");
      return false;
    }
  }

  private void change(Members in) throws UnreadableException {
    JsonObject delete = in.maybe("delete", Members::object);
    if (delete != null) {
      forget(EntryText.readKey(delete));
      return;
    }
    JsonObject put = in.read("put", Members::object);
    Entry entry;
    try {
      entry = EntryText.read(put);
    } catch (UnreadableException e) {
      staleKey(put).ifPresent(this::forget);
      throw e;
    }
    forget(entry.key());
    entries.put(entry.key(), entry);
    long start = in.number("started", 0);
    if (start != 0) {
      started.put(entry.key(), start);
    }
  }

  /** What was known before of an entry that cannot be read is no longer so. */
  private static Optional<Entry.Key> staleKey(JsonObject put) {
    Members in = new Members("", put);
    try {
      Entry.Kind kind = in.word("kind", Entry.Kind.values(), EntryText::word);
      return Optional.of(
          new Entry.Key(
              kind,
              switch (kind) {
                case BROKER -> "";
                case LISTENER, SERVICE, DEPOSIT -> in.text("name");
                case LEASE -> in.text("lease");
                case WORKER -> Long.toString(in.number("worker"));
              }));
    } catch (UnreadableException e) {
      return Optional.empty();
    }
  }

  private void forget(Entry.Key key) {
    entries.remove(key);
    started.remove(key);
  }

  private void problem(String sentence) {
    if (problems.size() < MOST_PROBLEMS) {
      problems.add(sentence);
    } else {
      unsaid++;
    }
  }
}
