"""What gunicorn serves: its name, and the pid of the process that answers."""
import os


def answer(environment, start_response):
    start_response("200 OK", [("X-Worker", "gunicorn"), ("Content-Type", "text/plain")])
    return [b"worker gunicorn pid %d\n" % os.getpid()]
