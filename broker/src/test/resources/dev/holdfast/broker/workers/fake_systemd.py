"""What systemd is to a service with FileDescriptorStoreMax: fake_systemd.py STORE-PATH [ENDPOINT] -- COMMAND...

Starts the command with NOTIFY_SOCKET=STORE-PATH, keeps what it stores by FDSTORE=1, takes out what it removes, and starts it again
with LISTEN_FDS when it was killed. With ENDPOINT (HOST:PORT) it makes that socket itself, as a .socket unit does. Prints a line for
each message: "stored NAME", "removed NAME", "ready", "started PID NAMES", "ended STATUS". Tells READY=1 on to its own NOTIFY_SOCKET.
"""
import array, os, select, signal, socket, sys

split = sys.argv.index("--")
path, command = sys.argv[1], sys.argv[split + 1 :]
above = os.environ.pop("NOTIFY_SOCKET", None)
store = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
store.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
store.bind(path)
kept = []  # (name, fd), oldest first
if split > 2:
    host, port = sys.argv[2].rsplit(":", 1)
    unit = socket.socket()
    unit.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    unit.bind((host, int(port)))
    unit.listen(128)
    kept.append(("connection.socket", unit.detach()))


def say(*words):
    print(*words, flush=True)


def receive():
    message, ancillary, _, _ = store.recvmsg(1 << 16, socket.CMSG_SPACE(253 * 4) + socket.CMSG_SPACE(12))
    fds = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.extend(array.array("i", data[: len(data) // 4 * 4]))
    lines = message.decode().split("\n")
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    name = values.get("FDNAME", "stored")
    if values.get("FDSTORE") == "1":
        for fd in fds:
            same = [each for each in kept if os.path.sameopenfile(each[1], fd)]
            if same:
                os.close(fd)  # systemd drops what it has already
            else:
                kept.append((name, fd))
            say("stored", name)
    elif fds:
        say("unexpected descriptors with", lines)
    if values.get("FDSTOREREMOVE") == "1":
        for each in [each for each in kept if each[0] == name]:
            kept.remove(each)
            os.close(each[1])
        say("removed", name)
    if values.get("READY") == "1":
        say("ready")
        if above:
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
                    speaker.sendto(b"READY=1", above)
            except OSError:
                pass  # It was waited for once.


def start():
    pid = os.fork()
    if pid:
        say("started", pid, *[name for name, _ in kept])
        return pid
    moved = []
    for _, fd in kept:
        moved.append(__import__("fcntl").fcntl(fd, __import__("fcntl").F_DUPFD, 3 + len(kept) + 20))
    for number, fd in enumerate(moved, 3):
        os.dup2(fd, number, inheritable=True)
    for fd in range(3 + len(kept), 256):
        try:
            os.close(fd)
        except OSError:
            pass
    environment = dict(os.environ, NOTIFY_SOCKET=path, FDSTORE="128")
    if kept:
        environment.update(
            LISTEN_FDS=str(len(kept)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=":".join(name for name, _ in kept)
        )
    os.execve(command[0], command, environment)


child = start()
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
pidfd = os.pidfd_open(child)
while True:
    readable, _, _ = select.select([store, pidfd], [], [])
    if store in readable:
        receive()
    elif pidfd in readable:
        os.close(pidfd)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        say("ended", code)
        if code >= 0:
            sys.exit(code)
        child = start()
        pidfd = os.pidfd_open(child)
