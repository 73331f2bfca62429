"""stay.py SOCKET BYTES MORE...: connects, sends BYTES (\\0 for NUL), reads a reply if they end in NUL, prints it, and
stays until it is killed. "fd " before BYTES sends a descriptor along with the first byte."""
import socket, sys, os, array, signal

s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
kept = []
for word in sys.argv[2:]:
    descriptors = []
    if word.startswith("fd "):
        word = word[3:]
        descriptors = [os.open("/dev/null", os.O_RDONLY)]
    data = word.replace("\\0", "\0").encode()
    if descriptors:
        s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])
    elif data:
        s.sendall(data)
    if data.endswith(b"\0"):
        got = b""
        while not got.endswith(b"\0"):
            more, ancillary, _, _ = s.recvmsg(65536, 4096)
            kept.append(ancillary)
            if not more:
                break
            got += more
        print(got[:-1].decode(), flush=True)
print("stays", flush=True)
signal.pause()
