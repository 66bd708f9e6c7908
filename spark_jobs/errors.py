"""What can go wrong in a Spark job that is not data.

SparkJobError
├── MissingJarsError        Iceberg is not on Spark's class path
├── CatalogError            the catalog of the tables doesn't answer, or refuses
├── TableMismatchError      a table in the catalog is not the declared one, and can't be evolved into it
├── DataFileError           a table names a data file that is gone
├── TaskMemoryError         a task's share of its executor's memory is too little
├── RawStoreError           stored objects can't be listed, read or changed
├── MissingObjectsError     raw objects that the ledger names are gone: history must not be replaced by less
├── OpenHourError           a landing hour is not settled yet
├── LedgerImbalanceError    rows were lost or made: the figures of a run do not add up
└── ConflictError           another writer was faster
    ├── BaseMovedError      … elsewhere in the table: write the same rows again
    ├── UnsettledInputError … and is not done yet: what it wrote and what it noted do not agree
    └── InputChangedError   … in the very hours that this run wanted to replace: compute them again
"""

from collections.abc import Collection
from datetime import datetime

from storage.object_store import StorageError


class SparkJobError(Exception):
    """A job can't go on; the message says why and what to do."""


class MissingJarsError(SparkJobError):
    """Spark was started without the Iceberg runtime."""


class CatalogError(SparkJobError):
    """The catalog can't be asked; what it said is in the message."""


class TableMismatchError(SparkJobError):
    """A table of the catalog differs from its declaration in a way that must not be changed by a job."""


class DataFileError(SparkJobError):
    """A file of a table's rows is not where the table's metadata says."""

    @classmethod
    def gone(cls, location: str) -> "DataFileError":
        """Return the error of a file that is not there."""
        return cls(
            f"data file {location} is gone, though its table names it; restore it, or make its hours or days again "
            "with --force, from what they are made from"
        )


class TaskMemoryError(SparkJobError):
    """A task can't be done in the memory that it has, though it writes elsewhere what does not fit."""

    @classmethod
    def of(cls, megabytes: int, threads: int, why: str) -> "TaskMemoryError":
        """Return the error of a task with so much memory in MiB and so many threads; `why` is what DuckDB said."""
        return cls(
            f"{megabytes} MiB and {threads} threads are not enough for a task: {why.splitlines()[0]}; give executors "
            "more memory outside of their heap (spark.executor.memoryOverhead), or fewer cores (spark.executor.cores)"
        )


class RawStoreError(SparkJobError, StorageError):
    """Stored objects can't be listed, or read and changed as they were listed."""


class MissingObjectsError(SparkJobError):
    """A listing lacks objects that the ledger names; `hours` are the landing hours that lack them."""

    def __init__(self, message: str, *, hours: Collection[datetime]) -> None:
        super().__init__(message)
        self.hours = frozenset(hours)


class OpenHourError(SparkJobError):
    """A landing hour may still receive objects."""


class LedgerImbalanceError(SparkJobError):
    """Lines or events are missing, or there are too many; `hours` are the event hours, if it is theirs alone."""

    def __init__(self, message: str, *, hours: Collection[datetime] = ()) -> None:
        super().__init__(message)
        self.hours = frozenset(hours)


class ConflictError(SparkJobError):
    """Another commit came between reading and writing."""


class BaseMovedError(ConflictError):
    """The table's files changed, but not the rows of the hours to be replaced."""


class UnsettledInputError(ConflictError):
    """A table of events and its ledger disagree in `hours`: a transform is between its commits, or died there."""

    def __init__(self, message: str, *, hours: Collection[datetime]) -> None:
        super().__init__(message)
        self.hours = frozenset(hours)


class InputChangedError(ConflictError):
    """The hours to be replaced were replaced by another run, perhaps from a later version of the input."""
