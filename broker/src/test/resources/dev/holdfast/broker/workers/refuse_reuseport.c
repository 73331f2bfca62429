// Runs a program in which setsockopt(SO_REUSEPORT) fails, as on a kernel without it, for it and all its
// children: refuse_reuseport PROGRAM ARG...   By seccomp: a preloaded library would not see all calls.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped)

int main(int argc, char **argv) {
  struct sock_filter rules[] = {
      LOAD(nr),      UNLESS(SYS_setsockopt, 5),
      LOAD(args[1]), UNLESS(SOL_SOCKET, 3),
      LOAD(args[2]), UNLESS(SO_REUSEPORT, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {.len = sizeof rules / sizeof *rules, .filter = rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
    perror("seccomp");
    return 71;
  }
  execvp(argv[1], argv + 1);
  perror(argv[1]);
  return 127;
}
