"""A computation that lost a race → the same computation on what is there now, a bounded number of times.

A file that went while it was read is a lost race, too: an erasure gives up the past of every table, which others may be
reading. What they read next names other files. If it is the same file that is gone again, it is lost.
"""

import random
import sys
import time
from collections.abc import Callable
from typing import Final, TypeVar

from spark_jobs.errors import ConflictError, DataFileError
from spark_jobs.task_errors import named_task_errors

Result = TypeVar("Result")

TRIES: Final = 8
FIRST_WAIT_SECONDS: Final = 0.25
LONGEST_WAIT_SECONDS: Final = 30.0


def retrying(
    compute: Callable[[], Result],
    *,
    on: type[ConflictError] = ConflictError,
    tries: int = TRIES,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """Return `compute()`, called again when it raises `on`, at most `tries` times, with doubling, jittered waits.

    So it is when a file of its input is gone that was not gone before. `compute` must read its input anew each time,
    snapshots included; the last error is raised as it is, or as the error of ours that a task failed with.

    The waits are in units of what the computation took, if that is over a second: rivals that compute for long and wait
    for an instant would meet again each time.
    """
    gone: set[str] = set()
    for attempt in range(1, tries):
        began = clock()
        try:
            return _named(compute)
        except (on, DataFileError) as conflict:
            if isinstance(conflict, DataFileError):
                if str(conflict) in gone:
                    raise
                gone.add(str(conflict))
            unit = FIRST_WAIT_SECONDS * max(clock() - began, 1.0)
            wait = min(unit * 2**attempt, LONGEST_WAIT_SECONDS) * random.uniform(0.5, 1.0)
            print(f"conflict ({attempt} of {tries - 1} retries, next in {wait:.1f} s): {conflict}", file=sys.stderr)
            sleep(wait)
    return _named(compute)


def _named(compute: Callable[[], Result]) -> Result:
    with named_task_errors():
        return compute()
