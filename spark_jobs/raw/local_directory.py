"""`file:/…`, `file:///…` or a bare path → the directory that it names, each character as it stands.

No URL parsing: a directory's name may hold `#`, `?`, `%` or a space, and must then not name another one.
"""

from pathlib import Path


def local_directory(uri: str) -> Path:
    """Return the absolute path."""
    return Path(uri.removeprefix("file://").removeprefix("file:")).absolute()
