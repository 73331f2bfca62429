package dev.holdfast.agent.tomcat;

import dev.holdfast.agent.AdapterContract;
import dev.holdfast.agent.Lease;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.file.Path;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.junit.jupiter.api.io.TempDir;

class LeasedProtocolTest extends AdapterContract {

  @TempDir Path base;

  @Override
  protected Running start(Lease lease, String body) throws Exception {
    Tomcat tomcat = new Tomcat();
    tomcat.setBaseDir(base.toString());
    tomcat.setConnector(new Connector(new LeasedProtocol(lease, "web")));
    Context context = tomcat.addContext("", null);
    Tomcat.addServlet(
        context,
        "hello",
        new HttpServlet() {
          @Override
          protected void doGet(HttpServletRequest request, HttpServletResponse response)
              throws IOException {
            response.getWriter().write(body);
          }
        });
    context.addServletMappingDecoded("/", "hello");
    tomcat.getConnector().setThrowOnFailure(true);
    tomcat.start();
    return new Running() {
      @Override
      public int port() {
        return tomcat.getConnector().getLocalPort();
      }

      @Override
      public void stop() throws Exception {
        tomcat.stop();
        tomcat.destroy();
      }
    };
  }

  @Override
  protected boolean polls() {
    return false;
  }

  @Override
  protected boolean tellsThePort() {
    return true;
  }
}
