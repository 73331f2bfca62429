"""A master that never accepts, and children that do: prefork.py CHILDREN. SIGTERM: each child ends after the request at hand."""
import os, signal, socket, sys

listener = socket.socket(fileno=3)


def child():
    ending = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    name = b"prefork-%d" % os.getpid()
    body = b"worker %s pid %d\n" % (name, os.getpid())
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
    os._exit(0)


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
children = []
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        child()
    children.append(pid)


def end(*_):
    for each in children:
        os.kill(each, signal.SIGTERM)


signal.signal(signal.SIGTERM, end)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
for each in children:
    os.waitpid(each, 0)
