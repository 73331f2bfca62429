package dev.holdfast.broker.javaagent;

import dev.holdfast.broker.testing.Checkout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Servers on the JVM as their users have them, and the words that start each. */
enum JvmServer {
  JDK_HTTP_SERVER(17, main("jdk", "jdk.JdkHttpServer")),
  /** Whose accept is that of a java.net.ServerSocket. */
  THREAD_FOR_EACH(17, main("jdk", "jdk.ThreadForEach")),
  /** Asks for a backlog of its own. */
  BLOCKING_CHANNEL(17, main("jdk", "jdk.BlockingChannel")),
  /** Its epoll descriptor watches the socket before it is bound. */
  EARLY_SELECTOR(17, main("jdk", "jdk.EarlySelector")),
  ASYNCHRONOUS_CHANNEL(17, main("jdk", "jdk.AsynchronousChannel")),
  VIRTUAL_THREADS(21, main("jdk", "jdk.VirtualThreads")),
  JETTY(17, main("jetty", "jetty.JettyServer")),
  TOMCAT_EMBEDDED(17, main("tomcat", "tomcat.EmbeddedTomcat")),
  TOMCAT_DISTRIBUTION(17, JvmServer::catalina),
  UNDERTOW(17, main("undertow", "undertow.UndertowServer")),
  NETTY_4_1_NIO(17, main("netty-4.1", "netty41.NettyServer", "nio")),
  NETTY_4_1_EPOLL(17, main("netty-4.1", "netty41.NettyServer", "epoll")),
  NETTY_4_2_NIO(17, main("netty-4.2", "netty42.NettyServer", "nio")),
  NETTY_4_2_EPOLL(17, main("netty-4.2", "netty42.NettyServer", "epoll")),
  NETTY_4_2_IO_URING(17, main("netty-4.2", "netty42.NettyServer", "io_uring")),
  VERTX(17, main("vertx", "vertx.VertxServer")),
  HELIDON(21, JvmServer::helidon),
  GRPC(17, main("grpc", "grpc.GrpcServer")),
  SPRING_BOOT_TOMCAT(17, springBoot("tomcat")),
  SPRING_BOOT_JETTY(17, springBoot("jetty")),
  SPRING_BOOT_UNDERTOW(17, springBoot("undertow")),
  SPRING_BOOT_NETTY(17, springBoot("netty")),
  WIREMOCK(17, JvmServer::wireMock);

  /**
   * What differs from one start to the next.
   *
   * @param javaHome of the JVM that runs it
   * @param name how the worker calls itself
   */
  private record Start(Path javaHome, List<String> options, String host, int port, String name) {

    /** These words behind java and its options. */
    List<String> java(List<String> words) {
      List<String> command = new ArrayList<>();
      command.add(javaHome.resolve("bin/java").toString());
      command.addAll(options);
      command.addAll(words);
      return command;
    }
  }

  private interface Words {
    List<String> of(Start start);
  }

  private final int since;

  @SuppressWarnings("ImmutableEnumChecker") // a lambda without state
  private final Words words;

  /**
   * @param since the oldest Java that it runs on
   */
  JvmServer(int since, Words words) {
    this.since = since;
    this.words = words;
  }

  int since() {
    return since;
  }

  /**
   * The whole command.
   *
   * @param name how the worker calls itself in its answers
   */
  List<String> command(Path javaHome, List<String> jvmOptions, String host, int port, String name) {
    return words.of(new Start(javaHome, jvmOptions, host, port, name));
  }

  /** As a listener and a service can be called. */
  String title() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** WireMock serves what is written down, and its own pid and port cannot be. */
  boolean saysPidAndPort() {
    return this != WIREMOCK;
  }

  /**
   * Whether a connection wakes only one of all that wait for it. By io_uring it is the one that has
   * waited for the longest time, so that a new worker gets few while an old one has little to do.
   */
  boolean isWokenAlone() {
    return this == NETTY_4_2_IO_URING;
  }

  boolean speaksGrpc() {
    return this == GRPC;
  }

  /** What calls it, and counts: HOST PORT IN-FLIGHT. */
  static List<String> grpcLoad(int port, int inFlight) {
    return List.of(
        Checkout.JAVA_HOME.resolve("bin/java").toString(),
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        classPath("grpc"),
        "dev.holdfast.servers.grpc.GrpcLoad",
        "127.0.0.1",
        String.valueOf(port),
        String.valueOf(inFlight));
  }

  private static Words main(String module, String name, String... before) {
    return start -> {
      List<String> words = new ArrayList<>();
      words.addAll(List.of("-cp", classPath(module), "dev.holdfast.servers." + name));
      words.addAll(List.of(before));
      words.addAll(List.of(start.host(), String.valueOf(start.port()), start.name()));
      return start.java(words);
    };
  }

  private static String classPath(String module) {
    Path target = Checkout.server(module).resolve("target");
    return target.resolve("server.jar") + ":" + target.resolve("lib") + "/*";
  }

  private static Words springBoot(String server) {
    Path jar = Checkout.server("spring-boot").resolve("target/server-" + server + ".jar");
    return start ->
        start.java(
            List.of(
                "-jar",
                jar.toString(),
                "--server.address=" + start.host(),
                "--server.port=" + start.port(),
                "--worker.name=" + start.name(),
                "--spring.main.lazy-initialization=true"));
  }

  /** By its own script, which becomes the JVM. */
  private static List<String> catalina(Start start) {
    Path target = Checkout.server("tomcat").resolve("target");
    Path home = target.resolve("apache-tomcat-11.0.25");
    String options =
        "%s -Dhost=%s -Dport=%d -Dworker.name=%s"
            .formatted(String.join(" ", start.options()), start.host(), start.port(), start.name());
    return List.of(
        "/usr/bin/env",
        "JAVA_HOME=" + start.javaHome(),
        "CATALINA_HOME=" + home,
        "CATALINA_BASE=" + target.resolve("base"),
        "CATALINA_TMPDIR=" + System.getProperty("java.io.tmpdir"),
        "CATALINA_OPTS=" + options,
        home.resolve("bin/catalina.sh").toString(),
        "run");
  }

  private static List<String> helidon(Start start) {
    Path module = Checkout.server("helidon");
    return start.java(
        List.of(
            "-cp",
            module.resolve("target/lib") + "/*",
            module.resolve("src/main/launch/HelidonServer.java").toString(),
            start.host(),
            String.valueOf(start.port()),
            start.name()));
  }

  private static List<String> wireMock(Start start) {
    Path module = Checkout.server("wiremock");
    return start.java(
        List.of(
            "-Dworker.name=" + start.name(),
            "-cp",
            module.resolve("target/lib") + "/*",
            "wiremock.Run",
            "--bind-address",
            start.host(),
            "--port",
            String.valueOf(start.port()),
            "--root-dir",
            module.resolve("src/main/root").toString(),
            "--permitted-system-keys",
            "worker.name",
            "--no-request-journal"));
  }
}
