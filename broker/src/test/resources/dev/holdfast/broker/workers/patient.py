"""Starts slowly and ends slowly: patient.py STARTING ENDING (seconds). Between them it serves by a selector."""
import os, selectors, signal, socket, sys, time

starting, finishing = map(float, sys.argv[1:3])
time.sleep(starting)
listener = socket.socket(fileno=3)
wake, woken = socket.socketpair()
woken.setblocking(False)
signal.set_wakeup_fd(woken.fileno())
signal.signal(signal.SIGTERM, lambda *_: None)
name = b"patient-%d" % os.getpid()
body = b"worker %s pid %d\n" % (name, os.getpid())
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
                connection.recv(65536)
                connection.sendall(b"HTTP/1.0 200 OK\r\nX-Worker: %s\r\nContent-Length: %d\r\n\r\n%s" % (name, len(body), body))
            except OSError:
                pass
listener.close()
time.sleep(finishing)  # Saves its work.
