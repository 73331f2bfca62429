package dev.holdfast.servers.tomcat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

/** Tomcat in a program of one's own: HOST PORT NAME. */
public final class EmbeddedTomcat {

  private EmbeddedTomcat() {}

  public static void main(String[] arguments) throws Exception {
    Path directory = Files.createTempDirectory("tomcat");
    directory.toFile().deleteOnExit();
    Tomcat tomcat = new Tomcat();
    tomcat.setBaseDir(directory.toString());
    Connector connector = new Connector();
    connector.setProperty("address", arguments[0]);
    connector.setPort(Integer.parseInt(arguments[1]));
    tomcat.setConnector(connector);
    Context context = tomcat.addContext("", directory.toString());
    AnswerServlet servlet = new AnswerServlet(arguments[2], connector::getLocalPort);
    Tomcat.addServlet(context, "answer", servlet).addMapping("/");
    tomcat.start();
    tomcat.getServer().await();
  }
}
