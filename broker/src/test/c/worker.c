// The yardstick of the acceptor: a worker in C that accepts as the library's acceptor does.
//
//   worker NAME        accepts on descriptor 3 (LISTEN_FDS) by epoll with EPOLLEXCLUSIVE, one accept4 for each wake-up; answers
//                      each request with NAME and closes
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENER 3

int main(int count, char **argument) {
  if (count != 2) {
    fprintf(stderr, "usage: worker NAME\n");
    return 64;
  }
  char body[128], answer[512], request[16384];
  snprintf(body, sizeof body, "worker %s pid %d\n", argument[1], getpid());
  int length = snprintf(answer, sizeof answer,
                        "HTTP/1.1 200 OK\r\nX-Worker: %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\n\r\n%s",
                        argument[1], strlen(body), body);
  int poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event wanted = {.events = EPOLLIN | EPOLLEXCLUSIVE};
  if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, LISTENER, &wanted) != 0) {
    perror("epoll on descriptor 3");
    return 71;
  }
  printf("ready %s\n", argument[1]);
  fflush(stdout);
  for (;;) {
    struct epoll_event ready;
    if (epoll_wait(poller, &ready, 1, -1) != 1) continue;
    struct sockaddr_storage from; // Asked for, since Java always asks.
    socklen_t fromLength = sizeof from;
    int connection = accept4(LISTENER, (void *)&from, &fromLength, SOCK_CLOEXEC);
    if (connection < 0) continue; // Another worker was faster.
    size_t got = 0;
    while (got < sizeof request) {
      ssize_t more = read(connection, request + got, sizeof request - got);
      if (more <= 0) break;
      got += more;
      if (got >= 4 && !memcmp(request + got - 4, "\r\n\r\n", 4)) {
        if (send(connection, answer, length, MSG_NOSIGNAL) != length) fprintf(stderr, "short answer\n");
        break;
      }
    }
    close(connection);
  }
}
