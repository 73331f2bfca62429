package dev.holdfast.servers.tomcat;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.function.IntSupplier;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/** Says who it is, and which port its connector believes to listen on. */
public final class AnswerServlet extends HttpServlet {
  private static final long serialVersionUID = 1;

  private final String name;
  private final transient IntSupplier localPort;

  /** In the distribution, where nothing but its MBean leads to the connector. */
  public AnswerServlet() {
    this(System.getProperty("worker.name"), AnswerServlet::portOfMBean);
  }

  AnswerServlet(String name, IntSupplier localPort) {
    this.name = name;
    this.localPort = localPort;
  }

  @Override
  protected void doGet(HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    String body =
        "worker %s pid %d port %d\n"
            .formatted(name, ProcessHandle.current().pid(), localPort.getAsInt());
    response.setHeader("X-Worker", name);
    response.setContentLength(body.length());
    response.getOutputStream().print(body);
  }

  private static int portOfMBean() {
    try {
      MBeanServer beans = ManagementFactory.getPlatformMBeanServer();
      ObjectName connectors = new ObjectName("Catalina:type=Connector,*");
      ObjectName connector = beans.queryNames(connectors, null).iterator().next();
      return (Integer) beans.getAttribute(connector, "localPort");
    } catch (JMException e) {
      throw new IllegalStateException("asking the connector for its port", e);
    }
  }
}
