"""calls.py SOCKET CALL...: each call on a connection of its own; prints its reply, or EOF.
CALL is JSON; "fd " before it sends a descriptor along; "pad N METHOD" is a frame of N bytes;
"half N CALL" sends N bytes of the frame and then closes its direction."""
import socket, sys, os, array

def frame(text):
    return text.encode() + b"\0"

for word in sys.argv[2:]:
    descriptors = []
    if word.startswith("fd "):
        word = word[3:]
        descriptors = [os.open("/dev/null", os.O_RDONLY)]
    if word.startswith("pad "):
        _, length, method = word.split()
        head = '{"method":"%s"' % method
        data = frame(head + " " * (int(length) - len(head) - 1) + "}")
    else:
        data = frame(word)
    half = word.startswith("half ")
    if half:
        _, length, rest = word.split(" ", 2)
        data = frame(rest)[: int(length)]
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.settimeout(20)
    got = b""
    try:
        if descriptors:
            s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])
        else:
            s.sendall(data)
        if half:
            s.shutdown(socket.SHUT_WR)
        while not got.endswith(b"\0"):
            more = s.recv(65536)
            if not more:
                break
            got += more
    except (ConnectionResetError, BrokenPipeError):
        pass
    print(got[:-1].decode() if got.endswith(b"\0") else "EOF", flush=True)
    s.close()
