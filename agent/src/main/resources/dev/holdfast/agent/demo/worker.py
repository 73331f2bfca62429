# A worker that knows LISTEN_FDS' convention and nothing else: the listener is descriptor 3.
# Arguments: its name, and the file where it writes down whom it accepted.
import os
import select
import socket
import sys

name, log_path = sys.argv[1:3]
log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
body = f"worker {name} pid {os.getpid()}\n"
answer = (
    f"HTTP/1.0 200 OK\r\nX-Worker: {name}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
).encode()

# Never settimeout or setblocking: O_NONBLOCK belongs to the listener that all workers share.
listener = socket.socket(fileno=3)
poll = select.epoll()
poll.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)
while True:
    poll.poll()
    try:
        client, (host, port) = listener.accept()
    except BlockingIOError:
        continue  # another worker was faster
    peer = f"{host}:{port}\n".encode()
    os.write(log, b"+ " + peer)
    try:
        request = b""
        while b"\r\n\r\n" not in request:
            more = client.recv(4096)
            if not more:
                break
            request += more
        else:
            client.sendall(answer)
    except OSError:
        pass  # the client went away
    client.close()
    os.write(log, b"- " + peer)
