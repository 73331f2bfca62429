// Prints what a program finds when it starts: show CODE ARG...; exits with CODE.
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv) {
  printf("pid %d\n", getpid());
  for (int i = 2; i < argc; i++) {
    printf("argument ");
    for (unsigned char *c = (unsigned char *)argv[i]; *c; c++) printf("%02x", *c);
    printf("\n");
  }
  for (char **e = environ; *e; e++) {
    if (!strncmp(*e, "LISTEN_", 7) || !strncmp(*e, "HOLDFAST_", 9) || !strncmp(*e, "NGINX=", 6) ||
        !strncmp(*e, "NOTIFY_", 7))
      printf("environment %s\n", *e);
  }
  DIR *open = opendir("/proc/self/fd");
  for (struct dirent *d; (d = readdir(open));) {
    int fd = atoi(d->d_name), listening = 0;
    socklen_t size = sizeof listening;
    if (d->d_name[0] == '.' || fd == dirfd(open)) continue;
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
    printf("fd %d%s\n", fd, listening ? " listening" : "");
  }
  sigset_t mask;
  sigprocmask(SIG_SETMASK, NULL, &mask);
  for (int s = 1; s < 32; s++) {
    struct sigaction action;
    if (sigismember(&mask, s)) printf("blocked %d\n", s);
    if (!sigaction(s, NULL, &action) && action.sa_handler == SIG_IGN) printf("ignored %d\n", s);
  }
  return atoi(argv[1]);
}
