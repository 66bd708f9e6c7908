"""The folder that a demo fills: which one it may empty first. Never one with somebody's files, nor a running demo's."""

import fcntl
import shutil
from pathlib import Path
from typing import Final

from infra.local.errors import FolderError, StateInUseError

#: Says that a folder is the demo's, and may be emptied by the next one; holds nothing that is read again.
MARK: Final = ".clickstream-demo"


def prepare(folder: Path) -> None:
    """Make the folder anew; raise `LocalCloudError` rather than lose what is not an ended demo's."""
    try:
        if folder.exists():
            _require_ours(folder)
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / MARK).write_text("Made by the demo; the next one into this folder replaces it.\n")
    except OSError as error:
        raise FolderError(f"can't make {folder} anew: {error.strerror}; choose another with --folder") from error


def _require_ours(folder: Path) -> None:
    if not folder.is_dir():
        raise FolderError(f"{folder} is a file; name a folder with --folder")
    if any(folder.iterdir()) and not (folder / MARK).exists():
        raise FolderError(
            f"{folder} holds what no demo left there, and would be emptied: choose a new or empty folder with "
            f"--folder, or remove it yourself"
        )
    lock = folder / "cloud" / "lock"
    if lock.exists():
        with lock.open() as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StateInUseError(folder, option="--folder") from error
