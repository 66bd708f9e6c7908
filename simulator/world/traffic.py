"""Traffic over time: the shape of a run → how many events are due, by the minute or at any moment.

Pure functions of time, made of straight lines only, so that the numbers are the same on every machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from simulator.errors import BadArgumentError

DAY_SECONDS: Final = 86_400.0

#: Factor at each full hour, UTC; a shop's day: quiet at four, a bump at noon, busiest at eight in the evening. Mean 1.
_WAVE: Final = (
    *(0.70, 0.50, 0.38, 0.32, 0.30, 0.35, 0.50, 0.70, 0.90, 1.05, 1.15, 1.22),
    *(1.28, 1.25, 1.18, 1.15, 1.18, 1.28, 1.42, 1.58, 1.66, 1.56, 1.32, 1.07),
)

SPIKE_FACTOR: Final = 10.0
_SPIKE_FROM, _SPIKE_TO = 0.45, 0.55

#: A batch is sent this many seconds after the last one, even if it is small.
LINGER_SECONDS: Final = 1.0
#: The number of due events is summed up in steps of this many seconds.
_STEP_SECONDS: Final = 0.05


class Shape(StrEnum):
    """How traffic changes over time."""

    STEADY = "steady"
    WAVE = "wave"
    RAMP = "ramp"
    SPIKE = "spike"

    @property
    def needs_length(self) -> bool:
        """Whether the shape is stretched over the length of the run, which must then be known."""
        return self in (Shape.RAMP, Shape.SPIKE)


def rate_factor(shape: Shape, *, second_of_day: float, progress: float) -> float:
    """Return the factor at a time of day (seconds, UTC) and at `progress` (0–1) of the run.

    steady: 1. wave: 0.3–1.66, mean 1 over a day. ramp: 0 → 2, mean 1. spike: 1, and 10 in the middle tenth.
    """
    match shape:
        case Shape.STEADY:
            return 1.0
        case Shape.WAVE:
            return daily_wave(second_of_day)
        case Shape.RAMP:
            return 2.0 * min(max(progress, 0.0), 1.0)
        case Shape.SPIKE:
            return SPIKE_FACTOR if _SPIKE_FROM <= progress < _SPIKE_TO else 1.0


def daily_wave(second_of_day: float) -> float:
    """Return the wave's factor at a time of day: straight lines between the full hours."""
    hour = second_of_day % DAY_SECONDS / 3_600.0
    before = int(hour) % 24
    share = hour - int(hour)
    return _WAVE[before] * (1.0 - share) + _WAVE[(before + 1) % 24] * share


def minute_factors(shape: Shape, *, first_minute_of_day: int, minutes: int) -> Iterator[float]:
    """Yield the factor at the middle of each of `minutes` minutes of a run."""
    for minute in range(minutes):
        middle = minute + 0.5
        yield rate_factor(shape, second_of_day=(first_minute_of_day + middle) * 60.0, progress=middle / minutes)


#: A minute has no events or at least as many: with fewer, every session would be cut after its first ones.
WHOLE_SESSIONS: Final = 20


def events_per_minute(factors: list[float], total: int) -> list[int]:
    """Distribute `total` events over minutes in proportion to their factors; the sum is exactly `total`.

    Where traffic is low, it comes in bursts of `WHOLE_SESSIONS`.
    """
    whole = sum(factors)
    counts, so_far, given = [], 0.0, 0
    for factor in factors:
        so_far += factor
        upto = min(total, int(total * (so_far / whole) + 0.5))
        if upto - given < WHOLE_SESSIONS:
            upto = given
        counts.append(upto - given)
        given = upto
    counts[-1] += total - given
    return counts


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
    """Counts the events that are due: the integral of rate × shape over the time of a run, which only grows."""

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
    """Return how many events the next batch takes now; 0 means to wait."""
    ready = due - taken
    if ready >= batch_size or (ready > 0 and waited >= LINGER_SECONDS):
        return min(ready, batch_size)
    return 0
