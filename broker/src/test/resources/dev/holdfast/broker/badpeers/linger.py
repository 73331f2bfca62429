"""linger.py SOCKET HOW: leaves the broker with the last descriptor of a TCP socket whose close(2) waits for its unsent
bytes (SO_LINGER, one minute): with a wrong call, with half a frame, unread behind a wrong frame, or stored and replaced."""
import socket, sys, array, struct, os, signal

path, how = sys.argv[1:]

def lingering():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    s = socket.socket()
    s.connect(listener.getsockname())
    peer, _ = listener.accept()
    s.setblocking(False)
    try:
        while True:
            s.send(b"x" * 65536)
    except BlockingIOError:
        pass
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
    return s, peer

def rights(fds):
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]

keep, children = [], []
def send(c, data):
    s, peer = lingering()
    keep.append(peer)
    # A child sends it and closes its own: if that close(2) is the last one after all, it waits there and not here.
    turn, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(turn, 1)
        c.sendmsg([data], rights([s.fileno()]))
        s.close()
        os._exit(0)
    children.append(child)
    s.close()
    os.write(go, b"x")
    os.close(go)
    os.close(turn)

def connect():
    c = socket.socket(socket.AF_UNIX)
    c.connect(path)
    c.settimeout(20)
    return c

INFO = b'{"method":"org.varlink.service.GetInfo"}\0'
STORE = b'{"method":"dev.holdfast.Worker.Store","parameters":{"name":"x","fileDescriptorIndex":0}}\0'
def end(c):
    try:
        while c.recv(65536):
            pass
    except ConnectionResetError:
        pass

if how == "wrong":
    c = connect()
    send(c, INFO)
    end(c)
elif how == "half":
    c = connect()
    send(c, b"{")
    end(c)
elif how == "unread":
    c = connect()
    c.send(b"x" * 50000 + b"\0")
    send(c, b"{")
    end(c)
elif how == "stored":
    c = connect()
    for i in range(3):
        send(c, STORE)
        c.recv(65536)
elif how == "many":
    for i in range(40):
        c = connect()
        send(c, INFO)
        end(c)
# While we are here, our ends are open, nobody reads them, and whoever closes the others waits.
c = connect()
for i in range(20):
    c.send(INFO)
    assert c.recv(65536)
print("done", flush=True)
for child in children:
    os.kill(child, signal.SIGKILL)
os._exit(0)
