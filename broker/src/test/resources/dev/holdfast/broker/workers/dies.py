"""Dies at once, and says why."""
import sys

print("cannot open settings.toml: no such file", file=sys.stderr)
sys.exit(3)
