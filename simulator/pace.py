"""How many events are due: the integral of rate × shape over a run's time, and batches cut from it."""

from dataclasses import dataclass
from typing import Final

from simulator.errors import BadArgumentError
from simulator.shapes import DAY_SECONDS, Shape, rate_factor

#: A batch is sent this long after its first event was due, though it be small.
LINGER_SECONDS: Final = 1.0
_STEP_SECONDS: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class PaceSettings:
    """Events per second before the shape's factor (0: as fast as possible), and how the shape's clock runs.

    `speedup` makes the shape's clock run faster than the wall clock. `length` is the run's, in seconds of the wall
    clock, if it has one.
    """

    rate: float
    shape: Shape = Shape.STEADY
    speedup: float = 1.0
    length: float | None = None

    def __post_init__(self) -> None:
        if self.rate == 0 and self.shape is not Shape.STEADY:
            raise BadArgumentError(f"--shape {self.shape} needs a --rate above 0 to multiply")
        if self.shape.needs_length and self.length is None:
            raise BadArgumentError(f"--shape {self.shape} is stretched over the run: give --duration or --events")


class Pace:
    """Counts the events that are due; asked with growing times only."""

    def __init__(self, settings: PaceSettings, second_of_day: float) -> None:
        self._settings: Final = settings
        self._second_of_day: Final = second_of_day
        self._at = 0.0
        self._due = 0.0

    def due(self, elapsed: float) -> int:
        """Return how many events are due `elapsed` seconds into the run."""
        while self._at < elapsed:
            step = min(_STEP_SECONDS, elapsed - self._at)
            self._due += self._settings.rate * self._factor(self._at + step / 2) * step
            self._at += step
        return int(self._due)

    def _factor(self, elapsed: float) -> float:
        clock = elapsed * self._settings.speedup
        progress = 0.0
        if self._settings.length is not None:
            progress = clock / self._settings.length % 1.0
        return rate_factor(
            self._settings.shape, second_of_day=(self._second_of_day + clock) % DAY_SECONDS, progress=progress
        )


def batch_due(*, due: int, taken: int, batch_size: int, waited: float) -> int:
    """Return how many events the next batch takes now; 0 is to wait on."""
    ready = due - taken
    if ready >= batch_size or (ready > 0 and waited >= LINGER_SECONDS):
        return min(ready, batch_size)
    return 0
