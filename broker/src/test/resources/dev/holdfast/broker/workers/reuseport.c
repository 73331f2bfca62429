// The yardstick of restarts: a worker with a SO_REUSEPORT socket of its own. reuseport PORT plain|drains
// Prints "ready" when it listens. SIGTERM: plain ends after the request at hand; drains first answers all that wait in its queue.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t ending;
static void end(int signo) { ending = 1; }

static char answer[500];
static int length;

static int serve(int listener) {
  int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (connection < 0) return 0;
  char asked[4096];
  ssize_t got, total = 0;
  while (total < (ssize_t)sizeof asked - 1 && (got = read(connection, asked + total, sizeof asked - 1 - total)) > 0) {
    asked[total += got] = 0;
    if (strstr(asked, "\r\n\r\n")) {
      if (write(connection, answer, length) != length) perror("write");
      break;
    }
  }
  close(connection);
  return 1;
}

int main(int count, char **argument) {
  if (count != 3) return 64;
  char body[100];
  int size = snprintf(body, sizeof body, "worker own-%d pid %d\n", getpid(), getpid());
  length = snprintf(answer, sizeof answer, "HTTP/1.0 200 OK\r\nX-Worker: own-%d\r\nContent-Length: %d\r\n\r\n%s", getpid(), size, body);
  sigset_t term, none;
  sigemptyset(&none);
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL); // it arrives in ppoll only, so that no request is cut
  sigaction(SIGTERM, &(struct sigaction){.sa_handler = end}, NULL);
  signal(SIGPIPE, SIG_IGN);
  int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(atoi(argument[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 65535)) {
    perror("listen");
    return 71;
  }
  printf("ready\n");
  fflush(stdout);
  while (!ending) {
    if (ppoll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, NULL, &none) > 0) serve(listener);
  }
  if (!strcmp(argument[2], "drains"))
    while (serve(listener)) {
    }
  return 0;
}
