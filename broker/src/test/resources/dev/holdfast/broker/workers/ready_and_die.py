"""Says READY=1 and dies."""
import os, socket, sys

address = os.environ["NOTIFY_SOCKET"]
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.connect("\0" + address[1:] if address[0] == "@" else address)
    notify.send(b"READY=1\nSTATUS=Serving")
sys.exit("could not read table users: no such table")
