"""A file system of a few mebibytes in memory, and a file that fills it up to a few bytes."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path


class NoMountError(Exception):
    """This process may not mount; the message says what would help."""


@contextlib.contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """Mount it on the folder for a while; NoMountError where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", "") or str(error)
        raise NoMountError(f"no small file system: {reason.strip()}; run it as root or by 'unshare -Urm'") from error
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, *, leave: int) -> None:
    """Take what room is left, but for about that many bytes."""
    filler = _filler(disk)
    state = os.statvfs(disk)
    size = max(state.f_bavail * state.f_frsize - leave, 0)
    with contextlib.suppress(OSError), filler.open("ab") as file:  # others write at the same time
        os.posix_fallocate(file.fileno(), file.tell(), max(size, 1))


def free(disk: Path) -> None:
    """Give the room back."""
    _filler(disk).unlink(missing_ok=True)


def _filler(disk: Path) -> Path:
    return disk / "filler"
