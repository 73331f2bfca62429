"""A successor that goes away: successor.py SOCKET LAST (close | stay | call). Takes over from the broker up to LAST, one of
connect, begin, next1, next2 ..., acknowledged (all parts), commit. Prints what it got; then "at LAST", and closes the connection
but lives on with all that it was given (close), or waits for its end (stay). call: prints the answer to begin, and ends.
"""
import array, json, signal, socket, sys

last, how = sys.argv[2:4]
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.settimeout(30)
kept = []
waiting = b""


def call(step, **more):
    global waiting
    parameters = dict(step=step, **more)
    connection.sendall(json.dumps(dict(method="dev.holdfast.Control.Handover", parameters=parameters)).encode() + b"\0")
    while b"\0" not in waiting:
        data, ancillary, flags, _ = connection.recvmsg(1 << 16, socket.CMSG_SPACE(253 * 4))
        for level, kind, numbers in ancillary:
            kept.extend(array.array("i", numbers[: len(numbers) // 4 * 4]))
        if not data:
            print("closed at", step, flush=True)
            sys.exit(1)
        waiting += data
    frame, _, waiting = waiting.partition(b"\0")
    return json.loads(frame)


def at(step):
    if step == last:
        print("at", step, flush=True)
        if how == "close":
            connection.close()
            print("closed", flush=True)
        signal.pause()


if how == "call":
    print(json.dumps(call("begin", formats=[1])), flush=True)
    sys.exit(0)
at("connect")
begun = call("begin", formats=[1])
print(json.dumps(begun)[:400], flush=True)
if "error" in begun:
    sys.exit(2)
parts = begun["parameters"].get("parts", 0)
print("parts", parts, flush=True)
at("begin")
for part in range(1, parts + 1):
    answer = call("next")
    if "error" in answer:
        print(json.dumps(answer), flush=True)
        sys.exit(2)
    at("next%d" % part)
print("descriptors", len(kept), "of", begun["parameters"].get("descriptors"), flush=True)
at("acknowledged")
print(json.dumps(call("commit"))[:400], flush=True)
at("commit")
print("no such step", last, flush=True)
sys.exit(3)
