"""An error of ours that a Spark task raised → the same error in the driver, with its one sentence.

Spark carries what a Python worker raised as text, within the stack traces of three programs; an entry point that shows
a `SparkJobError` in one line must be given one.
"""

import re
from typing import Final

from spark_jobs.errors import RawStoreError

_RAISED: Final = re.compile(rf"^{RawStoreError.__module__}\.{RawStoreError.__name__}: (.+)$", re.MULTILINE)


def raised_in_task(error: BaseException) -> RawStoreError | None:
    """Return the error of the raw store that made a Spark job fail; None if something else did."""
    found = _RAISED.search(str(error))
    return None if found is None else RawStoreError(found[1].strip())
