"""What gunicorn serves, under a name of each process's own."""
import os


def answer(environment, start_response):
    name = "gunicorn-%d" % os.getpid()
    start_response("200 OK", [("X-Worker", name), ("Content-Type", "text/plain")])
    return [b"worker %s pid %d\n" % (name.encode(), os.getpid())]
