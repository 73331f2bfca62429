package dev.holdfast.broker.survive;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.CodeSource;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.catalina.Context;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

/**
 * Tomcat, as a program that never heard of a broker embeds it: TomcatServer PORT DIRECTORY. With
 * {@code inherited} it listens on what inetd(8) would give it.
 */
public final class TomcatServer {

  private TomcatServer() {}

  /** What it needs on its class path. */
  static String classPath(String tests) {
    return Stream.concat(
            Stream.of(tests),
            List.of(Tomcat.class, jakarta.annotation.PostConstruct.class).stream()
                .map(TomcatServer::jarOf))
        .collect(Collectors.joining(":"));
  }

  private static String jarOf(Class<?> type) {
    CodeSource source = Objects.requireNonNull(type.getProtectionDomain().getCodeSource());
    return source.getLocation().getPath();
  }

  public static void main(String[] arguments) throws LifecycleException {
    Tomcat tomcat = new Tomcat();
    tomcat.setBaseDir(arguments[1]);
    Connector connector = new Connector("org.apache.coyote.http11.Http11NioProtocol");
    connector.setProperty("address", "127.0.0.1");
    if (arguments[0].equals("inherited")) {
      connector.setPort(1); // of no meaning then, but it must be one
      connector.setProperty("useInheritedChannel", "true");
    } else {
      connector.setPort(Integer.parseInt(arguments[0]));
    }
    tomcat.setConnector(connector);
    Context context = tomcat.addContext("", arguments[1]);
    Tomcat.addServlet(context, "answer", new Answering());
    context.addServletMappingDecoded("/", "answer");
    tomcat.start();
    System.out.println("listening");
    tomcat.getServer().await();
  }

  private static final class Answering extends HttpServlet {
    private static final long serialVersionUID = 1;
    private static final String NAME = "tomcat-" + ProcessHandle.current().pid();

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response)
        throws IOException {
      String body = "worker " + NAME + " pid " + ProcessHandle.current().pid() + "\n";
      response.setHeader("X-Worker", NAME);
      response.setHeader("Connection", "close");
      response.setContentLength(body.length());
      response.getOutputStream().print(body);
    }
  }
}
