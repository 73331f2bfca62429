package dev.holdfast.broker.config;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;

/** The bytes of a configuration, and who may change them. */
record ConfigurationFile(Path path) {

  /** More than anybody writes, and little enough that a wrong path (a log, a device) is no harm. */
  static final int MOST_BYTES = 1 << 20;

  private static final int WRITABLE_BY_GROUP_OR_OTHERS = 022;

  /** Its text; after a reported problem an empty one. */
  String text(Problems problems) {
    try (InputStream in = Files.newInputStream(path)) {
      byte[] bytes = in.readNBytes(MOST_BYTES + 1);
      if (bytes.length <= MOST_BYTES) {
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      }
      problems.add("is over " + MOST_BYTES + " bytes; is it a configuration?");
    } catch (CharacterCodingException e) {
      problems.add("is not UTF-8");
    } catch (IOException e) {
      problems.add("cannot be read: " + reason(e));
    }
    return "";
  }

  /** Whoever may write the file of a broker that runs as root decides what root does. */
  void warnOfWriters(Problems warnings, Surroundings surroundings) {
    if (!surroundings.root()) {
      return;
    }
    try {
      Map<String, Object> attributes = Files.readAttributes(path, "unix:mode,uid");
      int mode = (Integer) attributes.getOrDefault("mode", 0);
      if ((mode & WRITABLE_BY_GROUP_OR_OTHERS) != 0) {
        warnings.add(
            "is writable by group or others, and the broker runs as root; run chmod go-w on it");
      }
      if (!Integer.valueOf(0).equals(attributes.get("uid"))) {
        warnings.add("does not belong to root, and the broker runs as root; run chown root on it");
      }
    } catch (IOException | UnsupportedOperationException e) {
      warnings.add("its permissions cannot be read: " + Described.message(e));
    }
  }

  private static String reason(IOException e) {
    if (e instanceof NoSuchFileException) {
      return "there is no such file";
    } else if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    return Described.message(e);
  }
}
