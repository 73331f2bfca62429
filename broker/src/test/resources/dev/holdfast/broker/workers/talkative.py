"""Serves, and fills both of its outputs as fast as they take it."""
import os, socket, threading

line = b"all work and no play " * 400


def talk(fd):
    while True:
        os.write(fd, line + b"\n" if fd == 1 else line)  # standard error never ends its line


threading.Thread(target=talk, args=(1,), daemon=True).start()
threading.Thread(target=talk, args=(2,), daemon=True).start()
name = b"talkative-%d" % os.getpid()
body = b"worker %s pid %d\n" % (name, os.getpid())
listener = socket.socket(fileno=3)
listener.settimeout(3600)
while True:
    with listener.accept()[0] as connection:
        try:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.0 200 OK\r\nX-Worker: %s\r\nContent-Length: %d\r\n\r\n%s" % (name, len(body), body))
        except OSError:
            pass
