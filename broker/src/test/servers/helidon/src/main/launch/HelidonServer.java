import io.helidon.http.HeaderNames;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;

/**
 * Helidon SE: HOST PORT NAME. Its classes are of Java 21, which the compiler of 17 cannot read: so
 * this is started as a source file, and compiled by the Java that it runs on.
 */
public final class HelidonServer {
  private final WebServer server;
  private final String name;

  private HelidonServer(String host, int port, String name) {
    this.name = name;
    this.server =
        WebServer.builder()
            .host(host)
            .port(port)
            .routing(routing -> routing.any(this::answer))
            .build();
  }

  public static void main(String[] arguments) {
    new HelidonServer(arguments[0], Integer.parseInt(arguments[1]), arguments[2]).server.start();
  }

  private void answer(ServerRequest request, ServerResponse response) {
    response
        .header(HeaderNames.create("X-Worker"), name)
        .send(
            "worker %s pid %d port %d\n"
                .formatted(name, ProcessHandle.current().pid(), server.port()));
  }
}
