"""Traffic shapes: the time of a run → the factor by which `--rate` is multiplied.

Pure functions of time, made of straight lines only, so that the numbers are the same on every machine.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

DAY_SECONDS: Final = 86_400.0

#: Factor at each full hour, UTC; a shop's day: quiet at four, a bump at noon, busiest at eight in the evening. Mean 1.
_WAVE: Final = (
    *(0.70, 0.50, 0.38, 0.32, 0.30, 0.35, 0.50, 0.70, 0.90, 1.05, 1.15, 1.22),
    *(1.28, 1.25, 1.18, 1.15, 1.18, 1.28, 1.42, 1.58, 1.66, 1.56, 1.32, 1.07),
)

SPIKE_FACTOR: Final = 10.0
_SPIKE_FROM, _SPIKE_TO = 0.45, 0.55


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


def events_per_minute(factors: list[float], total: int) -> list[int]:
    """Share `total` events out to minutes in proportion to their factors; the sum is exactly `total`."""
    whole = sum(factors)
    counts, so_far, given = [], 0.0, 0
    for factor in factors:
        so_far += factor
        upto = min(total, int(total * (so_far / whole) + 0.5))
        counts.append(upto - given)
        given = upto
    counts[-1] += total - given
    return counts
