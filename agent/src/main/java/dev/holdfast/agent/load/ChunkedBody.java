package dev.holdfast.agent.load;

import java.nio.ByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Follows the chunked coding (RFC 9112, 7.1) to its end, and keeps nothing of the content. */
final class ChunkedBody {
  private static final int MOST_DIGITS = 15;

  private enum Place {
    SIZE,
    EXTENSION,
    CONTENT,
    AFTER_CONTENT,
    /** At the start of a line of the trailer, which an empty line ends. */
    TRAILER_START,
    TRAILER,
    END
  }

  private Place place = Place.SIZE;
  private int digits;
  private long left;
  private @Nullable String fault;

  /** Takes all that remains in the buffer. */
  void take(ByteBuffer bytes) {
    while (bytes.hasRemaining() && fault == null) {
      if (place == Place.CONTENT) {
        int passed = (int) Math.min(left, bytes.remaining());
        bytes.position(bytes.position() + passed);
        left -= passed;
        place = left == 0 ? Place.AFTER_CONTENT : Place.CONTENT;
      } else {
        place = after((char) (bytes.get() & 0xff));
      }
    }
    bytes.position(bytes.limit());
  }

  private Place after(char c) {
    return switch (place) {
      case SIZE -> size(c);
      case EXTENSION -> c == '\n' ? contentBegins() : Place.EXTENSION;
      case AFTER_CONTENT -> {
        if (c == '\n') {
          yield Place.SIZE;
        }
        yield c == '\r' ? Place.AFTER_CONTENT : broken("a chunk is longer than its size says");
      }
      case TRAILER_START -> {
        if (c == '\n') {
          yield Place.END;
        }
        yield c == '\r' ? Place.TRAILER_START : Place.TRAILER;
      }
      case TRAILER -> c == '\n' ? Place.TRAILER_START : Place.TRAILER;
      case END -> broken("bytes after the last chunk");
      case CONTENT -> throw new IllegalStateException("content is not read by the byte");
    };
  }

  private Place size(char c) {
    int digit = Character.digit(c, 16);
    if (digit >= 0 && digits < MOST_DIGITS) {
      digits++;
      left = left * 16 + digit;
      return Place.SIZE;
    }
    if (digits == 0 || digit >= 0) {
      return broken("no size where a chunk begins");
    }
    return switch (c) {
      case '\n' -> contentBegins();
      case '\r', ';', ' ', '\t' -> Place.EXTENSION;
      default -> broken("no size where a chunk begins");
    };
  }

  private Place contentBegins() {
    digits = 0;
    return left == 0 ? Place.TRAILER_START : Place.CONTENT;
  }

  private Place broken(String how) {
    fault = how;
    return place;
  }

  /** Whether nothing more of it can come. */
  boolean isOver() {
    return place == Place.END || fault != null;
  }

  /** What is wrong with it, if nothing more comes. */
  Optional<String> fault() {
    if (fault != null) {
      return Optional.of("chunked: " + fault);
    }
    return place == Place.END ? Optional.empty() : Optional.of("chunked: ended before its end");
  }
}
