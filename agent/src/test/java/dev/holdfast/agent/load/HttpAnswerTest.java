package dev.holdfast.agent.load;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class HttpAnswerTest {
  private static final String CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  private static final String WHOLE =
      CHUNKED + "5;name=value\r\nhello\r\nA\r\n\r\n\n0123456\r\n0\r\nTrailer: x\r\n\r\n";

  private static HttpAnswer read(String text, int atOnce) {
    HttpAnswer answer = new HttpAnswer(new HttpAnswer.Rules(true, 500));
    byte[] bytes = text.getBytes(ISO_8859_1);
    for (int from = 0; from < bytes.length; from += atOnce) {
      answer.take(ByteBuffer.wrap(bytes, from, Math.min(atOnce, bytes.length - from)));
    }
    return answer;
  }

  @Test
  void findsTheEndOfAChunkedBodyHoweverItIsCut() {
    for (int atOnce = 1; atOnce <= WHOLE.length(); atOnce++) {
      HttpAnswer answer = read(WHOLE, atOnce);
      assertThat(answer.isComplete()).as("by %d bytes", atOnce).isTrue();
      assertThat(answer.fault()).isEmpty();
      assertThat(answer.leavesOpen()).isTrue();
    }
    for (int length = 0; length < WHOLE.length(); length++) {
      HttpAnswer answer = read(WHOLE.substring(0, length), WHOLE.length());
      assertThat(answer.isComplete()).as("%d bytes", length).isFalse();
      assertThat(answer.fault()).as("%d bytes", length).isPresent();
    }
  }

  @Test
  void followsChunksBeyondWhatItKeeps() {
    String large = "x".repeat(100_000);
    HttpAnswer answer = read(CHUNKED + "186a0\r\n" + large + "\r\n0\r\n\r\n", 1000);
    assertThat(answer.isComplete()).isTrue();
    assertThat(answer.fault()).isEmpty();
  }

  @Test
  void seesChunksThatAreNone() {
    for (String body :
        new String[] {
          "x\r\n", "\r\n", "2\r\nabc\r\n", "0\r\n\r\nmore", "1".repeat(16), "-1\r\n", "1 1\r\nab"
        }) {
      assertThat(read(CHUNKED + body, 1).fault()).as(body).isPresent();
      assertThat(read(CHUNKED + body, 1).leavesOpen()).as(body).isFalse();
    }
  }

  @Test
  void takesAnyStatusBelow500ForAnAnswer() {
    for (String status : new String[] {"200", "204", "301", "304", "404", "499"}) {
      String body = status.endsWith("04") && !status.equals("404") ? "" : "Content-Length: 0\r\n";
      HttpAnswer answer = read("HTTP/1.1 " + status + " Word\r\n" + body + "\r\n", 7);
      assertThat(answer.fault()).as(status).isEmpty();
      assertThat(answer.isComplete()).as(status).isTrue();
      assertThat(answer.leavesOpen()).as(status).isTrue();
    }
    for (String status : new String[] {"100", "199", "500", "503", "999"}) {
      HttpAnswer answer = read("HTTP/1.1 " + status + " Word\r\nContent-Length: 0\r\n\r\n", 7);
      assertThat(answer.fault()).as(status).hasValue("status " + status);
      assertThat(answer.leavesOpen()).as(status).isFalse();
    }
  }

  @Test
  void seesAtOnceWhatIsNoHttp() {
    for (String text : new String[] {"SSH-2.0-OpenSSH\r\n", "+OK\r\n", "HTTP/2\r\n", "\0\0\0"}) {
      assertThat(read(text, 1).isComplete()).as(text).isTrue();
      assertThat(read(text, 1).fault().orElse("")).as(text).contains("not HTTP/1");
    }
    assertThat(read("HTTP/", 1).isComplete()).isFalse();
    assertThat(read("HTTP/1.1 200 OK\r\n" + "x".repeat(AnswerReader.KEPT), 100).isComplete())
        .isTrue();
  }

  @Test
  void isNotKeptWhereTheServerSaysSo() {
    String end = "Content-Length: 0\r\n\r\n";
    assertThat(read("HTTP/1.1 200 OK\r\n" + end, 9).leavesOpen()).isTrue();
    assertThat(read("HTTP/1.1 200 OK\r\nconnection: Close\r\n" + end, 9).leavesOpen()).isFalse();
    assertThat(read("HTTP/1.0 200 OK\r\n" + end, 9).leavesOpen()).isFalse();
    assertThat(read("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n" + end, 9).leavesOpen())
        .isTrue();
    assertThat(read("HTTP/1.1 200 OK\r\n\r\nto the end", 9).leavesOpen()).isFalse();
  }

  @Test
  void beginsAnewAfterEachAnswer() {
    HttpAnswer answer = read(WHOLE, 11);
    answer.clear();
    assertThat(answer.isComplete()).isFalse();
    answer.take(
        ByteBuffer.wrap("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx".getBytes(ISO_8859_1)));
    assertThat(answer.isComplete()).isTrue();
    assertThat(answer.fault()).isEmpty();
  }
}
