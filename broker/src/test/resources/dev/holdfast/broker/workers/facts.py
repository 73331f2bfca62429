"""Tells each client what it found when it started, as a JSON object."""
import json, os, resource, socket


def lines(path):
    with open(path) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


status = lines("/proc/self/status")
mask = os.umask(0)
os.umask(mask)
opened = {}
for fd in os.listdir("/proc/self/fd"):
    try:
        opened[fd] = os.readlink("/proc/self/fd/" + fd)
    except OSError:
        pass  # what listed the directory
facts = {
    "pid": os.getpid(),
    "group": os.getpgrp(),
    "session": os.getsid(0),
    "uid": " ".join(map(str, os.getresuid())),
    "gid": " ".join(map(str, os.getresgid())),
    "groups": " ".join(map(str, sorted(os.getgroups()))),
    "umask": "%03o" % mask,
    "nice": os.getpriority(os.PRIO_PROCESS, 0),
    "directory": os.getcwd(),
    "noNewPrivileges": status["NoNewPrivs"],
    "capabilities": status["CapEff"],
    "ambient": status["CapAmb"],
    "dumpable": os.stat("/proc/self/environ").st_uid,
    "blocked": status["SigBlk"],
    "ignored": status["SigIgn"],
    "openFiles": " ".join(map(str, resource.getrlimit(resource.RLIMIT_NOFILE))),
    "core": " ".join(map(str, resource.getrlimit(resource.RLIMIT_CORE))),
    "environment": dict(os.environ),
    "descriptors": opened,
}
name = b"facts-%d" % os.getpid()
listener = socket.socket(fileno=int(os.environ.get("FD", "3")))
listener.settimeout(3600)
while True:
    with listener.accept()[0] as connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.0 200 OK\r\nX-Worker: %s\r\n\r\n%s" % (name, json.dumps(facts).encode()))
