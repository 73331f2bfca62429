// A worker on descriptor 3: worker NAME [LOG]; see worker.py.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ending;
static void end(int signo) { ending = 1; }

int main(int argc, char **argv) {
  int log = argc > 2 ? open(argv[2], O_WRONLY | O_APPEND | O_CREAT, 0644) : -1;
  char body[200], answer[500], line[100], asked[4096];
  int length = snprintf(body, sizeof body, "worker %s pid %d\n", argv[1], getpid());
  int whole = snprintf(answer, sizeof answer,
      "HTTP/1.0 200 OK\r\nX-Worker: %s\r\nContent-Length: %d\r\n\r\n%s", argv[1], length, body);
  // poll(2) returns at a signal all the same; a read that is cut off would lose what it has accepted.
  struct sigaction action = {.sa_handler = end, .sa_flags = SA_RESTART};
  sigaction(SIGTERM, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  struct pollfd listener = {.fd = 3, .events = POLLIN};
  while (!ending) {
    if (poll(&listener, 1, 500) <= 0) continue;
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int connection = accept(3, (struct sockaddr *)&peer, &size);
    if (connection < 0) continue; // another worker was faster
    if (log >= 0) {
      struct timespec now;
      clock_gettime(CLOCK_REALTIME, &now);
      int count = snprintf(line, sizeof line, "%s:%d %lld\n", inet_ntoa(peer.sin_addr),
          ntohs(peer.sin_port), (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
      if (write(log, line, count) != count) return 1;
    }
    ssize_t got, total = 0;
    while (total < (ssize_t)sizeof asked - 1 &&
           (got = read(connection, asked + total, sizeof asked - 1 - total)) > 0) {
      asked[total += got] = 0;
      if (strstr(asked, "\r\n\r\n")) {
        if (write(connection, answer, whole) != whole) break;
        break;
      }
    }
    close(connection);
  }
  return 0;
}
