"""What can go wrong in the live minutes that is not data.

LiveError
├── LiveSettingsError   a variable of the environment is missing or wrong
└── LiveStorageError    raw objects can't be listed or read, or the document can't be written
"""

from storage.object_store import StorageError


class LiveError(Exception):
    """The service can't go on; the message says why and what to do."""


class LiveSettingsError(LiveError):
    """A variable of the environment is missing or can't be used; the message names it."""


class LiveStorageError(StorageError, LiveError):
    """The raw objects or the document can't be reached; the message names the bucket and the remedy."""
