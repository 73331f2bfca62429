"""Serves, and writes a line for each tenth request: prints.py. GET /print?WORD writes "printed WORD".

SIGPIPE ends it, as it ends a program in C: its output must have a reader, whoever that is. SIGTERM: ends after the request at
hand.
"""
import os, selectors, signal, socket

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
listener = socket.socket(fileno=3)
wake, woken = socket.socketpair()
woken.setblocking(False)
signal.set_wakeup_fd(woken.fileno())
signal.signal(signal.SIGTERM, lambda *_: None)
name = b"prints-%d" % os.getpid()
body = b"worker %s pid %d\n" % (name, os.getpid())
count = 0
with selectors.DefaultSelector() as selector:
    selector.register(listener, selectors.EVENT_READ)
    selector.register(wake, selectors.EVENT_READ)
    while wake not in [key.fileobj for key, _ in selector.select()]:
        try:
            connection, _ = listener.accept()
        except OSError:
            continue
        with connection:
            connection.settimeout(5)
            try:
                asked = connection.recv(65536).split(b" ")[1]
                if asked.startswith(b"/print?"):
                    os.write(1, b"printed %s\n" % asked[7:])
                elif count % 10 == 0:
                    os.write(1, b"served %d\n" % count)
                count += 1
                connection.sendall(b"HTTP/1.0 200 OK\r\nX-Worker: %s\r\nContent-Length: %d\r\n\r\n%s" % (name, len(body), body))
            except (OSError, IndexError):
                pass
