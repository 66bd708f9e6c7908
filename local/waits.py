"""A condition → a wait that ends: when it holds, when a part that it depends on has failed, or when nothing changes.

A limit on the whole time would depend on the machine. Here the clock starts again whenever what is missing changes: a
slow machine may take its time, and a wait in which nothing changes ends with an error that says what was missing.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from local.cloud.errors import LocalCloudError

#: A wait ends with an error after so many seconds without a change. The longest single step, a Spark job, takes 15 s on
#: an idle machine of two cores.
STANDSTILL_SECONDS: Final = 600.0
_POLL_SECONDS: Final = 1.0


class StandstillError(LocalCloudError):
    """The condition does not hold, and nothing has changed for a long time."""


class WaitCancelledError(LocalCloudError):
    """The program ends, so the result of the wait is not needed any more."""


class Waiter:
    """Waits for conditions; before each look it calls `checks`, which raise if a part has failed for good."""

    def __init__(
        self,
        *,
        checks: Iterable[Callable[[], None]] = (),
        note: Callable[[str], None] = lambda _: None,
        standstill: float = STANDSTILL_SECONDS,
        poll: float = _POLL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = list(checks)
        self._note = note
        self._standstill = standstill
        self._poll = poll
        self._clock = clock
        self._cancelled = threading.Event()

    def add_check(self, check: Callable[[], None]) -> None:
        """Call one more check before each look."""
        self._checks.append(check)

    def cancel(self) -> None:
        """End every wait, in every thread, with `WaitCancelledError`."""
        self._cancelled.set()

    def until(self, what: str, missing: Callable[[], str]) -> None:
        """Return once `missing` returns no text; its text says what is missing yet.

        `what` begins the message of the error. An error of `missing` ends the wait.
        """
        last, changed = None, self._clock()
        while text := missing():
            if text != last:
                last, changed = text, self._clock()
            self._note(text)
            for check in self._checks:
                check()
            if self._clock() - changed >= self._standstill:
                raise StandstillError(f"{what}: nothing has changed for {self._standstill:.0f} s; {text}")
            if self._cancelled.wait(self._poll):
                raise WaitCancelledError(f"{what}: not waited for any longer")
