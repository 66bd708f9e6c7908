"""An error of ours that a Spark task raised → the same error in the driver, with its one sentence.

Spark carries what a Python worker raised as text, within the stack traces of three programs; an entry point that shows
a `SparkJobError` in one line must be given one. So it is with a data file that Iceberg does not find.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from spark_jobs.errors import DataFileError, RawStoreError, SparkJobError, TaskMemoryError

_KNOWN: Final = {error.__name__: error for error in (DataFileError, RawStoreError, TaskMemoryError)}
_RAISED: Final = re.compile(rf"^{SparkJobError.__module__}\.({'|'.join(_KNOWN)}): (.+)$", re.MULTILINE)
#: Of a list of manifests S3's own error comes through, which names the request and not the file.
_NO_SUCH_KEY: Final = re.compile(r"NoSuchKeyException: .*?Request ID: (\w[\w-]*)")
_NOT_FOUND: Final = re.compile(r"org\.apache\.iceberg\.exceptions\.NotFoundException: \w+ does not exist: (.+)")


def raised_in_task(error: BaseException) -> SparkJobError | None:
    """Return the error of ours that made a Spark job fail; None if something else did."""
    text = str(error)
    if found := _RAISED.search(text):
        return _KNOWN[found[1]](found[2].strip())
    if lost := _NOT_FOUND.search(text):
        return DataFileError.gone(lost[1].strip())
    if request := _NO_SUCH_KEY.search(text):
        return DataFileError.gone(f"of request {request[1]} to S3")
    return None


@contextmanager
def named_task_errors() -> Iterator[None]:
    """Raise what made a Spark job fail within as an error of ours, if it is one."""
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        raise raised_in_task(error) or error from error
