// The yardstick and the client of the hand-over benchmark.
//
//   handover serve PATH           a broker reduced to the hand-over: epoll, accept, peer credentials, the whole call, one
//                                 SCM_RIGHTS reply with a listening descriptor
//   handover take PATH NAME N     N times: connect, ask for NAME, have the descriptor in hand; prints percentiles in ns
//   handover hold PATH NAME N     takes N leases, says "held", and keeps them until its standard input ends; a # at the end of
//                                 NAME becomes 0 to N-1, one after the other
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static void must(int ok, const char *what) {
  if (!ok) {
    perror(what);
    exit(1);
  }
}

static struct sockaddr_un address(const char *path) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  strncpy(a.sun_path, path, sizeof a.sun_path - 1);
  return a;
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void serve(const char *path) {
  struct sockaddr_un a = address(path);
  int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  must(bind(s, (void *)&a, sizeof a) == 0 && listen(s, 4096) == 0, path);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int e = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event ev = {.events = EPOLLIN, .data.fd = s};
  must(epoll_ctl(e, EPOLL_CTL_ADD, s, &ev) == 0, "epoll_ctl");
  puts("ready");
  fflush(stdout);
  static char reply[] =
      "{\"parameters\":{\"lease\":\"1\",\"sockets\":[{\"listener\":\"web\",\"endpoint\":\"tcp:127.0.0.1:1\","
      "\"kind\":\"stream\",\"fileDescriptorIndex\":0}],\"remaining\":false}}";
  for (;;) {
    struct epoll_event ready;
    if (epoll_wait(e, &ready, 1, -1) != 1) continue;
    int fd = ready.data.fd;
    if (fd == s) {
      fd = accept4(s, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) continue;
      struct ucred cred;
      socklen_t length = sizeof cred;
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length);
      int pidfd;
      length = sizeof pidfd;
      if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0) close(pidfd);
      ev.events = EPOLLIN;
      ev.data.fd = fd;
      epoll_ctl(e, EPOLL_CTL_ADD, fd, &ev);
    }
    char bytes[4096];
    ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got < 0) continue;
    if (got == 0) {
      epoll_ctl(e, EPOLL_CTL_DEL, fd, NULL);
      close(fd);
      continue;
    }
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {reply, sizeof reply};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &listener, sizeof(int));
    sendmsg(fd, &m, MSG_NOSIGNAL);
  }
}

static void take(const char *path, const char *name, int *connection) {
  struct sockaddr_un a = address(path);
  int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(connect(s, (void *)&a, sizeof a) == 0, path);
  char call[256];
  int length = snprintf(call, sizeof call,
                        "{\"method\":\"dev.holdfast.Worker.Acquire\",\"parameters\":{\"listeners\":[\"%s\"]}}", name);
  must(send(s, call, length + 1, MSG_NOSIGNAL) == length + 1, "send");
  char bytes[4096], control[256];
  int fd = -1;
  ssize_t got = 0;
  do {
    struct iovec part = {bytes, sizeof bytes};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    got = recvmsg(s, &m, MSG_CMSG_CLOEXEC);
    must(got > 0, "recvmsg");
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (h) memcpy(&fd, CMSG_DATA(h), sizeof fd);
  } while (bytes[got - 1] != 0);
  if (fd < 0) {
    fprintf(stderr, "no descriptor: %s\n", bytes);
    exit(1);
  }
  close(fd);
  *connection = s;
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

int main(int count, char **argument) {
  if (count == 3 && !strcmp(argument[1], "serve")) {
    serve(argument[2]);
  } else if (count == 5) {
    int n = atoi(argument[4]), s;
    int64_t *times = calloc(n, sizeof *times);
    for (int i = 0; i < n; i++) {
      char name[64];
      int length = (int)strcspn(argument[3], "#");
      if (argument[3][length]) snprintf(name, sizeof name, "%.*s%d", length, argument[3], i);
      else snprintf(name, sizeof name, "%s", argument[3]);
      int64_t before = now();
      take(argument[2], name, &s);
      times[i] = now() - before;
      close(s);
    }
    if (!strcmp(argument[1], "hold")) {
      puts("held");
      fflush(stdout);
      char end;
      while (read(0, &end, 1) > 0) {
      }
      return 0;
    }
    qsort(times, n, sizeof *times, ascending);
    printf("%lld %lld %lld\n", (long long)times[n / 2], (long long)times[(int)(n * 0.99)], (long long)times[n - 1]);
    return 0;
  }
  fprintf(stderr, "usage: handover serve PATH | take PATH NAME N | hold PATH NAME N\n");
  return 64;
}
