"""What can go wrong in starting and driving the local cloud.

LocalCloudError
├── PortInUseError      another process listens on the port
├── StateInUseError     another local cloud works on the state folder
├── FolderError         a folder can't be made or locked, or is not ours to empty
├── BrokenStateError    a state file is missing, or not what was written
├── PartFailedError     a part of the server failed while it served
└── NotReadyError       the process ended or stayed silent before it was ready
"""

from pathlib import Path


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
    """A folder can't be used."""


class BrokenStateError(LocalCloudError):
    """What a state file must hold is not there; to go on as if it were empty would make the loss final."""

    def __init__(self, path: Path, problem: str, *, remedy: str = "") -> None:
        known = "bring it back from a copy, or move the whole state folder away to begin with an empty one"
        super().__init__(f"{path} {problem}: {remedy or known}")


class PartFailedError(LocalCloudError):
    """The server ended because a part of it can't go on."""


class NotReadyError(LocalCloudError):
    """The process did not come up."""
