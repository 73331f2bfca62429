"""A server as in a tutorial: blocking accept on descriptor 3, no signal handler. naive.py [SECONDS-FOR-A-REQUEST]"""
import os, socket, sys, time

delay = float(sys.argv[1]) if len(sys.argv) > 1 else 0
name = b"naive-%d" % os.getpid()
body = b"worker %s pid %d\n" % (name, os.getpid())
listener = socket.socket(fileno=3)
while True:
    connection, peer = listener.accept()
    with connection:
        try:
            connection.recv(65536)
            if delay:
                time.sleep(delay)
            connection.sendall(b"HTTP/1.0 200 OK\r\nX-Worker: %s\r\nContent-Length: %d\r\n\r\n%s" % (name, len(body), body))
        except OSError:
            pass
