"""Tells its supervisor what its clients want it to: says.py [FIRST-MESSAGE]

GET /say?WORDS sends WORDS (percent-encoded) to NOTIFY_SOCKET. GET /store?NAME deposits a descriptor with the content NAME under
that name. GET /kept shows the names and contents of the descriptors that came back. GET /fork starts a child that serves in its
place, and answers with the child's pid. GET /garbage sends what nobody should send. Anything else: its name and pid.
With WATCHDOG_USEC it says WATCHDOG=1 twice as often as it must, until GET /hang. SIGTERM: ends after the request at hand.
"""
import array, os, signal, socket, sys, tempfile, threading
from urllib.parse import unquote

names = os.environ.get("LISTEN_FDNAMES", "").split(":")
hung = threading.Event()


def notify(message, *fds):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
        address = os.environ["NOTIFY_SOCKET"]
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        speaker.sendmsg([message], ancillary, 0, "\0" + address[1:] if address[0] == "@" else address)


def store(name):
    with tempfile.TemporaryFile() as file:
        file.write(name.encode())
        file.flush()
        notify(b"FDSTORE=1\nFDNAME=" + name.encode(), file.fileno())
    return "stored"


def kept(_):
    found = []
    for fd in range(4, 3 + int(os.environ["LISTEN_FDS"])):
        found.append("%s=%s" % (names[fd - 3], os.pread(fd, 100, 0).decode()))
    return " ".join(found) or "nothing"


def fork(_):
    pid = os.fork()
    if pid == 0:
        raise OSError("the parent answers")
    return str(pid)


def garbage(_):
    with open("/dev/null") as nothing:
        notify(b"\xff\x00=\n\n===\nREADY\nREADY=2\nFDSTORE=1")
        notify(b"X" * 3000, nothing.fileno())
        notify(b"STATUS=" + b"y" * 60000)
        notify(b"STATUS=unasked", *[nothing.fileno()] * 50)
        notify(b"MAINPID=1")
        notify(b"MAINPID=abc\nWATCHDOG_USEC=junk\nEXTEND_TIMEOUT_USEC=-1")
    return "sent"


def say(words):
    notify(words.encode())
    return "said"


def hang(_):
    hung.set()
    return "hangs"


if len(sys.argv) > 1:
    notify(sys.argv[1].encode())
if "WATCHDOG_USEC" in os.environ:
    every = int(os.environ["WATCHDOG_USEC"]) / 2e6

    def live():
        while not hung.wait(every):
            notify(b"WATCHDOG=1")

    threading.Thread(target=live, daemon=True).start()
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
listener = socket.socket(fileno=3)
listener.settimeout(0.2)
ways = {"/say": say, "/store": store, "/kept": kept, "/fork": fork, "/garbage": garbage, "/hang": hang}
while not ending:
    try:
        connection, _ = listener.accept()
    except OSError:
        continue
    with connection:
        connection.settimeout(5)
        try:
            path, _, words = connection.recv(65536).decode().split(" ", 2)[1].partition("?")
            said = ways[path](unquote(words)) if path in ways else ""
            name = "says-%d" % os.getpid()
            body = "worker %s pid %d\n%s" % (name, os.getpid(), said)
            connection.sendall(b"HTTP/1.0 200 OK\r\nX-Worker: %s\r\n\r\n%s" % (name.encode(), body.encode()))
        except OSError:
            pass
