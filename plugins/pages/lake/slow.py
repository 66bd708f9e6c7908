"""Computations that take longer than a page should: a few at a time, apart from all others, each once.

A person who asks waits for a moment, and is told that it is still computed; the page asks again. So nobody's quick view
waits behind a slow one, however many ask for slow ones, and what is quick of a view never waits for what is slow of it.
"""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDoneError
from threading import Lock
from typing import Any, Final, TypeVar

from pages.errors import BusyError

Value = TypeVar("Value")

AT_ONCE: Final = 2
#: Others wait for their turn, up to so many.
MOST_WAITING: Final = 20
KEPT: Final = 200
#: How long a page waits for a result before it says that it is still computed: all else of it is there already.
PATIENCE_SECONDS: Final = 0.05


class NotYetError(Exception):
    """It is still computed."""


class Slow:
    """Results by key; a result is kept until others have come in its place."""

    def __init__(self, *, patience: float = PATIENCE_SECONDS, at_once: int = AT_ONCE) -> None:
        self._patience = patience
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="clickstream-pages-slow")
        self._lock = Lock()
        self._results: OrderedDict[tuple[str, ...], Future[Any]] = OrderedDict()

    def get(self, key: tuple[str, ...], compute: Callable[[], Value]) -> Value:
        """Return the result of a key; raise `NotYetError`, `BusyError`, or what `compute` raised."""
        with self._lock:
            result = self._results.get(key)
            if result is None:
                self._check_turn()
                result = self._results[key] = self._pool.submit(compute)
            self._results.move_to_end(key)
            self._forget()
        try:
            found: Value = result.result(self._patience)
        except NotDoneError:
            if result.done():  # what it computed took too long, and says so itself
                raise
            raise NotYetError from None
        except Exception:
            with self._lock:
                self._results.pop(key, None)  # who asks again has it tried again
            raise
        return found

    def _check_turn(self) -> None:
        waiting = sum(not result.done() for result in self._results.values())
        if waiting >= MOST_WAITING:
            raise BusyError(
                f"{waiting} slow views are computed or wait for it.", "Wait a minute, and load the page again."
            )

    def _forget(self) -> None:
        """Forget what was asked for longest ago, but for what is still computed."""
        surplus = len(self._results) - KEPT
        for key in [key for key, result in self._results.items() if result.done()][: max(surplus, 0)]:
            del self._results[key]
