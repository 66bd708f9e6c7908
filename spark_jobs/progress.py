"""What a job is at, on stderr: most steps take longer than a person waits in silence."""

import sys


def progress(doing: str) -> None:
    """Say what is being done now."""
    print(f"{doing} …", file=sys.stderr, flush=True)
