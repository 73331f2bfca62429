// The load of the benchmarks: one thread, so that it takes the same from each side that is compared.
//
//   storm PORT FLIGHT COUNT [PAUSE]    COUNT connections to 127.0.0.1:PORT, FLIGHT at a time; each sends a request and reads the
//                                      answer to its end. PAUSE: milliseconds between one and the next (with FLIGHT 1).
//
// Prints: connections per second, p50 and p99 of the time from connect to the end in microseconds, then how many failed by kind:
// refused, reset, empty (closed without an answer), other.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#define SOCKETS 65536
#define SOURCES 200 // 127.0.0.2 to 127.0.0.201: one address alone runs out of ports, which rest in TIME_WAIT for a minute
#define PATIENCE 10000

static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
static struct sockaddr_in target;
static int poller;
static long started, finished, refused, reset, empty, other;
static int64_t begun[SOCKETS];
static int received[SOCKETS];
static int64_t *times;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void must(int ok, const char *what) {
  if (!ok) {
    perror(what);
    exit(71);
  }
}

static void count(int error) {
  if (error == ECONNREFUSED) refused++;
  else if (error == ECONNRESET || error == EPIPE) reset++;
  else other++;
}

static void begin(void) {
  int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  must(s >= 0 && s < SOCKETS, "socket");
  int on = 1;
  setsockopt(s, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002 + started % SOURCES)};
  must(bind(s, (void *)&source, sizeof source) == 0, "bind");
  started++;
  received[s] = 0;
  begun[s] = now();
  must(connect(s, (void *)&target, sizeof target) == 0 || errno == EINPROGRESS, "connect");
  struct epoll_event e = {.events = EPOLLOUT, .data.fd = s};
  must(epoll_ctl(poller, EPOLL_CTL_ADD, s, &e) == 0, "epoll_ctl");
}

static void finish(int s) {
  times[finished++] = now() - begun[s];
  close(s);
}

static void write_request(int s) {
  ssize_t sent = write(s, request, sizeof request - 1);
  if (sent < 0) {
    count(errno);
    finish(s);
    return;
  }
  struct epoll_event e = {.events = EPOLLIN, .data.fd = s};
  must(epoll_ctl(poller, EPOLL_CTL_MOD, s, &e) == 0, "epoll_ctl");
}

static void read_answer(int s) {
  char bytes[4096];
  ssize_t got = read(s, bytes, sizeof bytes);
  if (got > 0) {
    received[s] += got;
  } else if (got < 0 && errno != EAGAIN) {
    count(errno);
    finish(s);
  } else if (got == 0) {
    if (received[s] == 0) empty++;
    finish(s);
  }
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

int main(int arguments, char **argument) {
  if (arguments != 4 && arguments != 5) {
    fprintf(stderr, "usage: storm PORT FLIGHT COUNT [PAUSE]\n");
    return 64;
  }
  target = (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(atoi(argument[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int flight = atoi(argument[2]);
  long total = atol(argument[3]);
  long pause = arguments == 5 ? atol(argument[4]) : 0;
  times = calloc(total, sizeof *times);
  poller = epoll_create1(EPOLL_CLOEXEC);
  must(times && poller >= 0, "setup");
  int64_t start = now();
  while (started < flight && started < total) begin();
  while (finished < total) {
    struct epoll_event ready[64];
    int n = epoll_wait(poller, ready, 64, PATIENCE);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      fprintf(stderr, "storm: nothing for %d ms, %ld of %ld finished\n", PATIENCE, finished, total);
      return 75;
    }
    for (int i = 0; i < n; i++) {
      long before = finished;
      int s = ready[i].data.fd;
      if (ready[i].events & EPOLLOUT) write_request(s);
      else read_answer(s);
      if (finished > before && started < total) {
        if (pause) nanosleep(&(struct timespec){.tv_nsec = pause * 1000000}, NULL);
        begin();
      }
    }
  }
  double seconds = (now() - start) / 1e9;
  qsort(times, finished, sizeof *times, ascending);
  printf("%.0f %.1f %.1f %ld %ld %ld %ld\n", finished / seconds, times[finished / 2] / 1e3,
         times[(long)(finished * 0.99)] / 1e3, refused, reset, empty, other);
  return 0;
}
