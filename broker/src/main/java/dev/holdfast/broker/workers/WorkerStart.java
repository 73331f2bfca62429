package dev.holdfast.broker.workers;

import dev.holdfast.broker.core.Account;
import dev.holdfast.broker.core.Launch;
import dev.holdfast.broker.core.Output;
import dev.holdfast.broker.core.ResourceLimit;
import dev.holdfast.broker.core.WorkerOrder;
import dev.holdfast.fd.Child;
import dev.holdfast.fd.Limits;
import dev.holdfast.fd.OwnedFd;
import dev.holdfast.fd.Pipe;
import dev.holdfast.fd.Spawn;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.Executor;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Makes a worker's process, up to the moment at which it waits for its go. Blocks, so the thread
 * {@code broker-spawner} runs it. Owns copies of the worker's descriptors meanwhile.
 */
final class WorkerStart {

  /**
   * A process that waits. All is owned by whoever gets it.
   *
   * @param go the waiting shell's standard input
   * @param output the reading end of its standard output and error; null where those are a file
   * @param tail null where the output is a pipe
   */
  record Waiting(Child child, OwnedFd go, @Nullable OwnedFd output, @Nullable FileTail tail) {}

  private final WorkerOrder order;
  private final WorkerEnvironment environment;
  private final List<OwnedFd> descriptors;
  private final OptionalLong openFiles;
  private final Executor blocking;

  /**
   * @param moved what the worker finds from 3 up; closed in the end
   * @param openFiles the soft limit of open files, where the order has none
   */
  WorkerStart(
      WorkerOrder order,
      WorkerEnvironment environment,
      List<OwnedFd> moved,
      OptionalLong openFiles,
      Executor blocking) {
    this.order = order;
    this.environment = environment;
    this.descriptors = moved;
    this.openFiles = openFiles;
    this.blocking = blocking;
  }

  /** Makes the process. */
  Waiting start() throws IOException {
    List<OwnedFd> kept = new ArrayList<>(); // ours, when it works
    List<OwnedFd> passed = new ArrayList<>(descriptors);
    boolean made = false;
    try {
      Pipe.Ends go = Pipe.open();
      passed.add(go.reader());
      kept.add(go.writer());
      OwnedFd reader = null;
      FileTail tail = null;
      OwnedFd writer;
      if (order.launch().output() instanceof Output.ToFile file) {
        writer = open(file.path(), order.launch().account());
        passed.add(writer);
        tail = FileTail.of(writer, blocking);
      } else {
        Pipe.Ends output = Pipe.forOutput();
        reader = output.reader();
        writer = output.writer();
        passed.add(writer);
        kept.add(reader);
      }
      try {
        Child child = spawn(go.reader(), writer).start();
        made = true;
        return new Waiting(child, go.writer(), reader, tail);
      } finally {
        if (!made && tail != null) {
          tail.gone();
        }
      }
    } finally {
      passed.forEach(OwnedFd::close);
      if (!made) {
        kept.forEach(OwnedFd::close);
      }
    }
  }

  private Spawn spawn(OwnedFd go, OwnedFd output) throws IOException {
    Launch launch = order.launch();
    Placeholders placeholders = new Placeholders(order);
    List<String> command = launch.command().stream().map(placeholders::fill).toList();
    StartScript script =
        new StartScript(environment.passedOn(), environment.foreign())
            .openFiles(softLimit())
            .umask(launch.umask());
    Account account = launch.account();
    boolean changes = account != null && Limits.effectiveUid() == 0;
    if (account != null && changes) {
      script.account(AccountChange.ofThisHost().to(account));
    }
    Spawn spawn =
        new Spawn(
                StartScript.SHELL.getBytes(StandardCharsets.UTF_8),
                script.arguments(launch.sandbox(), command),
                script.environment())
            .place(go, 0)
            .place(output, 1)
            .place(output, 2);
    int number = Placeholders.FIRST;
    for (OwnedFd descriptor : descriptors) {
      spawn.place(descriptor, number++);
    }
    if (account != null && changes) {
      spawn.checkAs(account.uid(), account.gid(), account.groups()).inheritNoCapabilities();
    }
    Path directory = launch.directory();
    if (directory != null) {
      spawn.directory(directory.toString());
    }
    Integer nice = launch.nice();
    if (nice != null) {
      spawn.nice(nice);
    }
    for (ResourceLimit each : launch.limits()) {
      spawn.limit(each.resource().number(), each.soft(), each.hard());
    }
    if (launch.noNewPrivileges()) {
      spawn.noNewPrivileges();
    }
    // What is in a sandbox only the sandbox knows.
    List<String> first = launch.sandbox().isEmpty() ? command : launch.sandbox();
    return spawn.requireExecutable(first.get(0), environment.path());
  }

  private OptionalLong softLimit() {
    Stream<ResourceLimit> limits = order.launch().limits().stream();
    return limits.anyMatch(each -> each.resource() == ResourceLimit.Resource.OPEN_FILES)
        ? OptionalLong.empty()
        : openFiles;
  }

  /** The file becomes the account's if we made it. */
  private static OwnedFd open(Path path, @Nullable Account account) throws IOException {
    boolean isNew = !Files.exists(path);
    OwnedFd file = Pipe.appendTo(path, 0640);
    try {
      if (isNew && account != null && account.uid() != Limits.effectiveUid() && isAt(file, path)) {
        Limits.changeOwner("/proc/self/fd/" + file.number(), account.uid(), account.gid());
      }
      return file;
    } catch (IOException e) {
      file.close();
      throw e;
    }
  }

  /**
   * Whether the path itself, and no link there, is the file: whoever may write in the directory
   * could have put a link to another's file in place meanwhile, and would be given that.
   */
  private static boolean isAt(OwnedFd file, Path path) throws IOException {
    Path opened = Path.of("/proc/self/fd/" + file.number());
    Path directory = path.toAbsolutePath().getParent();
    return directory != null
        && Files.readSymbolicLink(opened).equals(directory.toRealPath().resolve(path.getFileName()))
        && Files.getAttribute(opened, "unix:nlink").equals(1)
        && Files.size(opened) == 0;
  }
}
