"""Serves, and with each request leaves a child behind that nobody waits for; the child ends with this worker's listener."""
import os, socket, subprocess, sys

name = b"orphans-%d" % os.getpid()
body = b"worker %s pid %d\n" % (name, os.getpid())
listener = socket.socket(fileno=3)
listener.settimeout(3600)
while True:
    with listener.accept()[0] as connection:
        connection.recv(65536)
        subprocess.run(["/bin/sh", "-c", "(sleep 0.05 &) "], check=True)
        connection.sendall(b"HTTP/1.0 200 OK\r\nX-Worker: %s\r\nContent-Length: %d\r\n\r\n%s" % (name, len(body), body))
