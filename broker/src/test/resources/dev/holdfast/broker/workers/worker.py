"""A worker on descriptor 3: worker.py NAME (blocking|selectors) [LOG]

Answers HTTP with its name and pid. With LOG, it notes each connection's port there before anything
else, so that a test knows what it had accepted when it was killed. SIGTERM: finishes and ends.
"""
import os, selectors, signal, socket, sys, time

name, way = sys.argv[1:3]
log = os.open(sys.argv[3], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if len(sys.argv) > 3 else None
listener = socket.socket(fileno=int(os.environ.get("LISTEN_FD", "3")))
body = b"worker %s pid %d\n" % (name.encode(), os.getpid())
answer = b"HTTP/1.0 200 OK\r\nX-Worker: %s\r\nContent-Length: %d\r\n\r\n%s" % (name.encode(), len(body), body)


def serve(connection, peer):
    if log is not None:
        os.write(log, b"%s:%d %d\n" % (peer[0].encode(), peer[1], time.time_ns() // 1000))
    with connection:
        connection.settimeout(5)
        try:
            asked = b""
            while b"\r\n\r\n" not in asked:
                piece = connection.recv(4096)
                if not piece:
                    return
                asked += piece
            connection.sendall(answer)
        except OSError:
            pass  # The client went away.


if way == "blocking":
    # Waits in accept. A timeout, because the shared socket is non-blocking, and must stay so.
    ending = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
    listener.settimeout(0.5)
    while not ending:
        try:
            serve(*listener.accept())
        except TimeoutError:
            pass
else:
    wake, woken = socket.socketpair()
    woken.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    signal.signal(signal.SIGTERM, lambda *_: None)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        while wake not in [key.fileobj for key, _ in selector.select()]:
            try:
                serve(*listener.accept())
            except OSError:
                pass  # Another worker was faster, or has shut the listener down.
