"""What can go wrong for a person who runs the simulator, each with its exit status.

::

    SimulatorError
    ├── BadArgumentError   an argument makes no sense                     exit 2
    ├── InputFileError     a file to replay is missing or damaged         exit 1
    ├── RawTargetError     the raw prefix can't be written                exit 1
    └── ApiError           the API can't be reached or isn't the API      exit 1
"""

from storage.object_store import StorageError


class SimulatorError(Exception):
    """Something a person must change; the message says what was wrong, with the value, and what to do."""

    exit_status = 1


class BadArgumentError(SimulatorError):
    """An argument, or a combination of them, makes no sense."""

    exit_status = 2


class InputFileError(SimulatorError):
    """A file to replay is missing, unreadable or damaged."""


class RawTargetError(SimulatorError, StorageError):
    """The place for raw objects can't be written."""


class ApiError(SimulatorError):
    """The API can't be reached, or what answers there is not the events API."""
