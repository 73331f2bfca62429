"""Never gets ready."""
import signal

print("waiting for the database at db:5432", flush=True)
signal.pause()
