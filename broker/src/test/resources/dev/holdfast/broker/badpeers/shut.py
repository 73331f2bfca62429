"""shut.py SOCKET NAME: takes a listener, calls shutdown(2) on it, releases its lease, and keeps the socket."""
import array, json, signal, socket, sys

s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])

def call(method, **parameters):
    s.sendall(json.dumps({"method": "dev.holdfast.Worker." + method, "parameters": parameters}).encode() + b"\0")
    data, ancillary, _, _ = s.recvmsg(65536, 4096)
    return json.loads(data[:-1]), ancillary

reply, ancillary = call("Acquire", listeners=[sys.argv[2]], hold="connection")
number = array.array("i", ancillary[0][2][:4])[0]
listener = socket.socket(fileno=number)
listener.shutdown(socket.SHUT_RDWR)
for i in range(10):
    call("Await", lease=reply["parameters"]["lease"])
call("Release", lease=reply["parameters"]["lease"])
print("stays", flush=True)
signal.pause()
