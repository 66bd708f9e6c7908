"""A computation that lost a race → the same computation on what is there now, a bounded number of times."""

import random
import sys
import time
from collections.abc import Callable
from typing import Final, TypeVar

from spark_jobs.errors import ConflictError

Result = TypeVar("Result")

TRIES: Final = 8
FIRST_WAIT_SECONDS: Final = 0.25
LONGEST_WAIT_SECONDS: Final = 10.0


def retrying(
    compute: Callable[[], Result],
    *,
    on: type[ConflictError] = ConflictError,
    tries: int = TRIES,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Return `compute()`, called again when it raises `on`, at most `tries` times, with doubling, jittered waits.

    `compute` must read its input anew each time, snapshots included; the last error is raised as it is.
    """
    for attempt in range(1, tries):
        try:
            return compute()
        except on as conflict:
            wait = min(FIRST_WAIT_SECONDS * 2**attempt, LONGEST_WAIT_SECONDS) * random.uniform(0.5, 1.0)
            print(f"conflict ({attempt} of {tries - 1} retries, next in {wait:.1f} s): {conflict}", file=sys.stderr)
            sleep(wait)
    return compute()
