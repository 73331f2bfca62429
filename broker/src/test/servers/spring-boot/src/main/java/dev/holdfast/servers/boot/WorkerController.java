package dev.holdfast.servers.boot;

import org.springframework.core.env.Environment;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Says who it is. */
@RestController
class WorkerController {
  private final Environment environment;

  WorkerController(Environment environment) {
    this.environment = environment;
  }

  @GetMapping("/")
  ResponseEntity<String> answer() {
    String name = environment.getRequiredProperty("worker.name");
    String port = environment.getRequiredProperty("local.server.port");
    return ResponseEntity.ok()
        .header("X-Worker", name)
        .body("worker %s pid %d port %s\n".formatted(name, ProcessHandle.current().pid(), port));
  }
}
