"""flood.py SOCKET HOW COUNT: many connections of one user. Prints how many the broker kept, then stays until killed.
HOW: silent, half (a frame that does not end, of 60,000 bytes), unread (calls whose replies are not read),
quick (connects and closes COUNT times, prints COUNT), late (connects, waits until it must be registered, closes)."""
import socket, sys, select, signal, os, resource

path, how, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
call = b'{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"dev.holdfast.Control"}}\0'

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s

if how == "quick":
    for i in range(count):
        connect().close()
    print(count, flush=True)
    sys.exit(0)
if how == "late":
    # A batch is open while the broker takes it, and closed when it has: each was waited for once.
    for i in range(0, count, 100):
        batch = [connect() for j in range(100)]
        probe = connect()
        probe.sendall(b'{"method":"org.varlink.service.GetInfo"}\0')
        probe.recv(65536)
        for s in batch:
            s.close()
        probe.close()
    print(count, flush=True)
    sys.exit(0)

open_ones = []
for i in range(count):
    s = connect()
    s.setblocking(False)
    try:
        if how == "half":
            s.send(b'{"method":"' + b"x" * 60000)
        if how == "unread":
            while True:
                s.send(call)
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
    open_ones.append(s)

# Who was dropped has an end to read; asking a silent one for its state is enough.
dropped = 0
poller = select.poll()
for s in open_ones:
    poller.register(s, select.POLLRDHUP)
if how == "silent":
    # One more connection comes after all others in the broker's queue, and its end says that they were taken.
    last = connect()
    while not poller.poll(20000):
        pass
    ends = select.poll()
    ends.register(last, select.POLLRDHUP)
    ends.poll(20000)
    dropped = len(poller.poll(0))
    print(count - dropped, flush=True)
else:
    left = len(open_ones)
    while left:
        events = poller.poll(30000)
        if not events:
            break
        for fd, _ in events:
            poller.unregister(fd)
            left -= 1
    print(left, flush=True)
signal.pause()
