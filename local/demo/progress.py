"""Steps of a long program → what a person sees while it works: the step, what it waits for, why, and for how long.

On a terminal the running step is one line that changes in place; elsewhere (a log, CI) it is a plain line every ten
seconds. Everything goes to standard error, so that the result alone is on standard output.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

#: Without a line for longer than this, a log looks like a program that hangs.
_TICK_SECONDS: Final = 10.0
_REFRESHES_PER_SECOND: Final = 4
_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One part of a long program: its title, why it takes its time, and about how many seconds on two cores."""

    title: str
    why: str
    about: float


class Progress:
    """Shows the steps of one program, of which there are `steps` (0 if that is not known), and times them.

    `seconds` has the duration of each step that has ended, by its title. Threads may call `say` and `note`.
    """

    def __init__(self, steps: int = 0, *, console: Console | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._began = time.monotonic()
        self._steps = steps
        self._number = 0
        self._note = ""
        self._meanwhile = ""

    def meanwhile(self, text: str) -> None:
        """Set what a person could look at during the steps from now on."""
        self._meanwhile = text

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Show a step while the block runs."""
        self._number += 1
        self._note = ""
        began = time.monotonic()
        of_all = f"step {self._number} of {self._steps}: " if self._steps else ""
        self.say(f"{of_all}{step.title}, about {_rounded(step.about)} s")
        self._console.print(f"           {step.why}", style="dim", markup=False)
        try:
            if self._console.is_terminal:
                with Live(
                    get_renderable=lambda: self._line(step, began),
                    console=self._console,
                    refresh_per_second=_REFRESHES_PER_SECOND,
                    transient=True,
                ):
                    yield
            else:
                with self._ticking(step, began):
                    yield
        finally:
            self.seconds[step.title] = round(time.monotonic() - began, 1)

    def note(self, text: str) -> None:
        """Set what the running step waits for now."""
        self._note = text

    def say(self, line: str) -> None:
        """Print a line that stays, with the seconds since the start."""
        self._console.print(f"[{time.monotonic() - self._began:6.1f} s] {line}", markup=False)

    def _line(self, step: Step, began: float) -> Text:
        now = time.monotonic()
        spinner = _SPINNER[int(now * _REFRESHES_PER_SECOND) % len(_SPINNER)]
        line = Text(f"{spinner} {self._state(step, now - began)}", no_wrap=True, overflow="ellipsis")
        if self._meanwhile:
            line.append(f"\n  {self._meanwhile}", style="cyan")
        return line

    def _state(self, step: Step, passed: float) -> str:
        return f"{step.title}, {passed:.0f} of about {_rounded(step.about)} s{': ' if self._note else ''}{self._note}"

    @contextmanager
    def _ticking(self, step: Step, began: float) -> Iterator[None]:
        done = threading.Event()

        def tick() -> None:
            while not done.wait(_TICK_SECONDS):
                self.say(f"  … {self._state(step, time.monotonic() - began)}")

        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
        try:
            yield
        finally:
            done.set()
            ticker.join()


def _rounded(seconds: float) -> int:
    """Return an estimate rounded to five seconds."""
    return max(5, round(seconds / 5) * 5)
