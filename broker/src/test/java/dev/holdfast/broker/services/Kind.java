package dev.holdfast.broker.services;

import dev.holdfast.broker.testing.Checkout;
import dev.holdfast.broker.testing.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Programs that a user may have, and how each is put behind a listener web as a service web. */
enum Kind {
  /** By the library: it says that it is ready, and is drained by its lease. */
  JAVA {
    @Override
    void describe(Stage stage) {
      stage
          .file()
          .listener("web")
          .service("web", Stage.java(JavaWorker.class), "workers = 4", "ready = \"notify\"");
    }
  },
  NGINX {
    @Override
    void describe(Stage stage) throws IOException {
      Path prefix = Files.createDirectories(stage.directory().resolve("nginx"));
      // It compares addresses with those it inherits, so the port must stand in both files.
      int port = freePort();
      Files.writeString(prefix.resolve("nginx.conf"), nginxConfiguration(port));
      stage
          .file()
          .listener("web", "listen = \"127.0.0.1:" + port + "\"")
          .service(
              "web",
              List.of(
                  Checkout.installed("nginx", "nginx-light"),
                  "-p",
                  prefix.toString(),
                  "-e",
                  "error.log",
                  "-c",
                  "nginx.conf",
                  "-g",
                  "pid nginx-{worker}.pid;"),
              "workers = 4",
              "stop-signal = \"QUIT\"",
              "environment = { NGINX = \"{fd:web};\" }");
    }
  },
  NODE {
    @Override
    void describe(Stage stage) throws IOException {
      Path script = Workers.script("service.js", stage.directory());
      stage
          .file()
          .listener("web")
          .service(
              "web",
              List.of(Checkout.installed("node", "nodejs"), script.toString(), "{fd:web}"),
              "workers = 4");
    }
  },
  GUNICORN {
    @Override
    void describe(Stage stage) throws IOException {
      Workers.script("wsgi.py", stage.directory());
      stage
          .file()
          .listener("web")
          .service(
              "web",
              List.of(
                  Checkout.python(),
                  Checkout.installed("gunicorn", "gunicorn"),
                  "--worker-tmp-dir",
                  stage.directory().toString(),
                  "wsgi:answer"),
              "workers = 4",
              "directory = \"" + stage.directory() + "\"");
    }
  },
  /** Waits in accept, and dies by SIGTERM at once, whatever it is at. */
  NAIVE {
    @Override
    void describe(Stage stage) throws IOException {
      stage
          .file()
          .listener("web", "blocking = true")
          .service("web", stage.python("naive.py"), "workers = 4");
    }
  },
  /** The process that the broker started never accepts; those that it forks do. */
  PREFORK {
    @Override
    void describe(Stage stage) throws IOException {
      stage.file().listener("web").service("web", stage.python("prefork.py", 2), "workers = 4");
    }
  };

  abstract void describe(Stage stage) throws IOException;

  private static int freePort() throws IOException {
    try (java.net.ServerSocket probe = new java.net.ServerSocket()) {
      probe.setReuseAddress(true);
      probe.bind(new java.net.InetSocketAddress("127.0.0.1", 0));
      return probe.getLocalPort();
    }
  }

  private static String nginxConfiguration(int port) {
    List<String> lines = new ArrayList<>();
    lines.add("daemon off;");
    if (Checkout.isRoot()) {
      lines.add("user root;");
    }
    lines.add("error_log error.log;");
    lines.add("events { }");
    lines.add("http {");
    lines.add("access_log off;");
    for (String each : List.of("client_body", "proxy", "fastcgi", "uwsgi", "scgi")) {
      lines.add(each + "_temp_path " + each + ";");
    }
    lines.add("server {");
    lines.add("listen 127.0.0.1:" + port + ";");
    lines.add("add_header X-Worker nginx-$pid;");
    lines.add("location / { return 200 \"worker nginx-$pid pid $pid\\n\"; }");
    lines.add("}");
    lines.add("}");
    return String.join("\n", lines) + "\n";
  }
}
