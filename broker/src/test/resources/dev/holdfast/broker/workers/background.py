"""A daemon of the old school: forks twice, and the process that was started ends well. background.py PIDFILE"""
import os, signal, socket, sys

if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
with open(sys.argv[1], "a") as file:
    file.write("%d\n" % os.getpid())
name = b"background-%d" % os.getpid()
body = b"worker %s pid %d\n" % (name, os.getpid())
listener = socket.socket(fileno=3)
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
listener.settimeout(0.2)
while not ending:
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
