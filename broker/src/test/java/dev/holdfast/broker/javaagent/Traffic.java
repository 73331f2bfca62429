package dev.holdfast.broker.javaagent;

import dev.holdfast.agent.load.Exchange;
import dev.holdfast.agent.load.LoadGenerator;
import dev.holdfast.agent.load.LoadListener;
import dev.holdfast.agent.load.LoadPlan;
import dev.holdfast.agent.load.LoadReport;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Clients that go on asking one server, whatever happens to it. */
interface Traffic extends AutoCloseable {

  /**
   * What came of all of it.
   *
   * @param spans by the names of the workers
   * @param lost a line for each that was, or for some
   */
  record Total(Map<Answer, Long> served, Map<String, Span> spans, List<String> lost) {}

  /**
   * From when to when somebody served, by a clock that only compares.
   *
   * @param first when the first request began that it answered: what has just started takes its
   *     time to answer, and all clients may wait for it by then
   * @param last when its last answer came
   */
  record Span(long first, long last) {

    Span and(Span other) {
      return new Span(Math.min(first, other.first), Math.max(last, other.last));
    }
  }

  /** How often each answer came so far. */
  Map<Answer, Long> served();

  /** Begins no more, and waits for what has begun. */
  Total end() throws InterruptedException;

  @Override
  void close();

  /** A new connection for each request. */
  final class Http implements Traffic {
    private static final Pattern WORKER = Pattern.compile("(?mi)^X-Worker: (\\S+)");

    private final LoadGenerator load;
    private final Map<String, Span> spans = new HashMap<>(); // the load's thread, until its end

    private Http(LoadPlan plan) throws IOException {
      load = LoadGenerator.start(plan, new Ends());
    }

    static Http start(LoadPlan plan) throws IOException {
      // HTTP/1.1, since Helidon speaks no older one.
      return new Http(
          plan.withExchange(Exchange.http11("/", 1))
              .withWorkerName((head, body) -> Answer.textIn(body)));
    }

    private final class Ends implements LoadListener {
      @Override
      public void served(long began, long ended, String head) {
        Matcher worker = WORKER.matcher(head);
        if (worker.find()) {
          spans.merge(worker.group(1), new Span(began, ended), Span::and);
        }
      }
    }

    @Override
    public Map<Answer, Long> served() {
      return served(load.snapshot());
    }

    private static Map<Answer, Long> served(LoadReport report) {
      Map<Answer, Long> served = new HashMap<>();
      report.byWorker().forEach((text, count) -> served.put(Answer.of(text), count));
      return served;
    }

    @Override
    public Total end() throws InterruptedException {
      load.stop();
      LoadReport report = load.await();
      if (report.local() > 0) {
        throw new AssertionError("this side: " + report.localProblem());
      }
      List<String> lost = report.lostConnections().stream().map(Object::toString).toList();
      return new Total(served(report), spans, lost);
    }

    @Override
    public void close() {
      load.close();
    }
  }

  /** A process of its own, since gRPC is nothing that these tests have in theirs. */
  record Grpc(Process process, Writer asking, BufferedReader counting) implements Traffic {

    /** {@code N lost; N FIRST LAST worker NAME pid PID port PORT; …} */
    private static Total total(String line) {
      Map<Answer, Long> served = new HashMap<>();
      Map<String, Span> spans = new HashMap<>();
      List<String> lost = List.of();
      for (String each : line.split("; ", -1)) {
        String[] words = each.split(" ", 4);
        if (words[1].equals("lost")) {
          lost = words[0].equals("0") ? List.of() : List.of(each + "; standard error has them");
        } else {
          Answer answer = Answer.of(words[3]);
          Span span = new Span(Long.parseLong(words[1]), Long.parseLong(words[2]));
          served.put(answer, Long.parseLong(words[0]));
          spans.merge(answer.worker(), span, Span::and);
        }
      }
      return new Total(served, spans, lost);
    }

    static Grpc start(List<String> command) throws IOException {
      ProcessBuilder builder = new ProcessBuilder(command);
      builder.redirectError(ProcessBuilder.Redirect.INHERIT);
      Process process = builder.start();
      return new Grpc(process, process.outputWriter(), process.inputReader());
    }

    @Override
    public Map<Answer, Long> served() {
      try {
        asking.write('\n');
        asking.flush();
        return total(counting.readLine()).served();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public Total end() {
      try {
        asking.close();
        return total(counting.readLine());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public void close() {
      process.destroyForcibly();
    }
  }
}
