"""What people are likely to ask for next → is read before they do, in one thread, in steps.

It begins when somebody looks and the lake is another than the last time, so a server at which nobody looks does
nothing. It rests for as long as it worked. What fails is logged, and read when it is asked for.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from time import monotonic
from typing import Final

_log: Final = logging.getLogger(__name__)

Steps = Iterator[None]


class Ahead:
    """Work that is done again for each version of what it works on."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._works = False
        self._version: object = None
        self._rest_until = float("-inf")
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="clickstream-pages-ahead")

    def begin(self, version: object, work: Callable[[], Steps]) -> None:
        """Begin the work unless it was done for this version, is being done, or was done just now.

        `work` does a piece at each turn.
        """
        with self._lock:
            if self._works or version == self._version or self._clock() < self._rest_until:
                return
            self._works, self._version = True, version
        self._pool.submit(self._step, work(), self._clock())

    def _step(self, steps: Steps, begun: float) -> None:
        """Do a piece, and leave the next one to another turn: a server that ends waits for one alone."""
        try:
            next(steps)
        except StopIteration:
            self._end(begun)
        except Exception:  # noqa: BLE001 (whatever it is, nobody waits for this)
            self._end(begun)
            _log.exception("reading ahead ended early: what is asked for is read then")
        else:
            self._pool.submit(self._step, steps, begun)

    def _end(self, begun: float) -> None:
        with self._lock:
            now = self._clock()
            self._works, self._rest_until = False, now + (now - begun)
