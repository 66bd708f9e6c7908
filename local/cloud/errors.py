"""What can go wrong in the local cloud: at its start, while it serves, and when the disk refuses a write.

LocalCloudError
├── PortInUseError      another process listens on the port
├── StateInUseError     another local cloud works on the state folder
├── FolderError         a folder cannot be created, locked or emptied
├── BrokenStateError    a state file is missing, or is not what was written
├── PartFailedError     a part of the server failed while it served
└── NotReadyError       the process ended or stayed silent before it was ready

`Shutdown` lets any part end the server. `write_refusal` explains a failed file operation to the client.
"""

import errno
import threading
from pathlib import Path
from typing import Final

#: The errors that pass when somebody frees space or descriptors. A client may retry after these and all others.
_REMEDIES: Final = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit of a file's size",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close programs that hold many files",
}
UNAVAILABLE: Final = 503
RETRY_AFTER: Final = {"Retry-After": "1"}


class LocalCloudError(Exception):
    """The local cloud cannot do what was asked; the message says why and what to do."""


class PortInUseError(LocalCloudError):
    """The port is taken."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"port {port} on {host} is already in use: stop the process that listens there, "
            f"or choose another with --port (0 takes any free one)"
        )


class StateInUseError(LocalCloudError):
    """The state folder is taken."""

    def __init__(self, folder: Path, *, option: str = "--state") -> None:
        super().__init__(f"{folder} is in use by another local cloud: stop that one, or choose another with {option}")


class FolderError(LocalCloudError):
    """A folder cannot be used."""


class BrokenStateError(LocalCloudError):
    """A state file does not hold what it must; to start with an empty state instead would make the loss final."""

    def __init__(self, path: Path, problem: str, *, remedy: str = "") -> None:
        known = "bring it back from a copy, or move the whole state folder away to begin with an empty one"
        super().__init__(f"{path} {problem}: {remedy or known}")


class PartFailedError(LocalCloudError):
    """The server ended because a part of it cannot continue."""


class NotReadyError(LocalCloudError):
    """The process did not start to serve."""


class Shutdown:
    """The reason why the server must end, if there is one; any part sets it, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: str | None = None

    @property
    def reason(self) -> str | None:
        return self._reason

    def request(self, reason: str) -> None:
        """End the server soon; only the first reason counts, because later ones follow from it."""
        with self._lock:
            self._reason = self._reason or reason


def write_refusal(error: OSError) -> str:
    """Return the sentence that says why nothing was stored, and what to do."""
    remedy = _REMEDIES.get(error.errno or 0, "look at the local cloud's log")
    return f"The local cloud can't write its state ({error.strerror or error}): {remedy} and send it again."
