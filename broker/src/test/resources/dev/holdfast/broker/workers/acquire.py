# A worker written from the description of the protocol alone: acquire.py CONTROL-SOCKET LISTENER
# Takes the listener from the broker, says that it is ready, and answers each connection.
import array, json, os, socket, sys

broker = socket.socket(socket.AF_UNIX)
broker.connect(sys.argv[1])
def call(method, **parameters):
    broker.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\0")
    data, fds = b"", array.array("i")
    while not data.endswith(b"\0"):
        more, ancillary, _, _ = broker.recvmsg(65536, socket.CMSG_SPACE(32 * fds.itemsize))
        for _, _, passed in ancillary:
            fds.frombytes(passed)
        data += more if more else sys.exit("the broker closed the connection")
    reply = json.loads(data[:-1])
    return (reply.get("parameters", {}), fds) if "error" not in reply else sys.exit(reply)

reply, fds = call("dev.holdfast.Worker.Acquire", listeners=[sys.argv[2]])
listener = socket.socket(fileno=fds[reply["sockets"][0]["fileDescriptorIndex"]])
call("dev.holdfast.Worker.Ready", lease=reply["lease"])
listener.settimeout(3600)  # The socket is non-blocking, and shared: so wait with a timeout.
while True:
    with listener.accept()[0] as connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.0 200 OK\r\nX-Worker: py\r\n\r\nworker py pid %d\n" % os.getpid())
