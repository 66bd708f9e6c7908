"""Steps of the demo → lines that say what is going on, since when, and how long it took."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: No line for longer than this would look like a hang.
_TICK_SECONDS: Final = 10.0


class Progress:
    """Prints each step's begin and end; what is said between them is repeated every ten seconds at most."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._note = ""
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step; `seconds` has its duration by name afterwards."""
        began = time.monotonic()
        self._note = ""
        self.say(name)
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(name, began, done), daemon=True)
        ticker.start()
        try:
            yield
        finally:
            done.set()
            ticker.join()
            self.seconds[name] = round(time.monotonic() - began, 1)

    def note(self, text: str) -> None:
        """Set what the next tick shows of the running step."""
        self._note = text

    def say(self, line: str) -> None:
        """Print a line with the time since the start."""
        print(f"[{time.monotonic() - self._began:6.1f} s] {line}", file=sys.stderr, flush=True)

    def _tick(self, name: str, began: float, done: threading.Event) -> None:
        while not done.wait(_TICK_SECONDS):
            self.say(f"  … {name}, {time.monotonic() - began:.0f} s{': ' + self._note if self._note else ''}")
