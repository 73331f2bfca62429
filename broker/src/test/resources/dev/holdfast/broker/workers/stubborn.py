"""Serves, and does not care for SIGTERM."""
import os, signal, socket

signal.signal(signal.SIGTERM, signal.SIG_IGN)
name = b"stubborn-%d" % os.getpid()
body = b"worker %s pid %d\n" % (name, os.getpid())
listener = socket.socket(fileno=3)
listener.settimeout(3600)
while True:
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
