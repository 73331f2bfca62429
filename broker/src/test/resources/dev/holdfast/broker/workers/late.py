"""Takes its time before it accepts: late.py SECONDS (before | registered)

before: it loads for so long, and only then looks at the listener. registered: it has the listener in its epoll by then, but
does not wait there yet. SIGTERM: ends after the request at hand.
"""
import os, select, signal, socket, sys, time

listener = socket.socket(fileno=3)
listener.setblocking(False)  # as the broker has it
poller = select.epoll()
if sys.argv[2] == "registered":
    poller.register(3, select.EPOLLIN)
time.sleep(float(sys.argv[1]))
if sys.argv[2] == "before":
    poller.register(3, select.EPOLLIN)

ending = []
wake, woken = socket.socketpair()
woken.setblocking(False)
signal.set_wakeup_fd(woken.fileno())
signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
poller.register(wake, select.EPOLLIN)
name = b"late-%d" % os.getpid()
body = b"worker %s pid %d\n" % (name, os.getpid())
while not ending:
    poller.poll()
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
