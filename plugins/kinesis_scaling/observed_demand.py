"""Minutes of metrics → what the producers want now, what they wanted lately, and what they want at this time of day.

Demand counts throttled records too, not only accepted ones; after a while only accepted ones are remembered. An unknown
minute is left out: it is never taken for a quiet one, and the memory of a peak does not fade while no metrics come.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter, mul
from typing import Final

from kinesis_scaling.scaling_settings import Settings
from kinesis_scaling.stream_state import MinuteSample

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
#: A recurring peak may come a little earlier or later than on the days before.
RECURRENCE_SLACK: Final = timedelta(minutes=10)
_minute = attrgetter("minute")


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservedDemand:
    """Demand in shards; `recent_need` and `recurring_need` include their margins, the peaks do not."""

    latest: float
    #: The refused part of the latest minute's records.
    throttled_share: float
    #: The number of minutes without a break, counted back from the latest, that refused records.
    throttled_minutes: int
    #: From the end of the latest known minute till now.
    age: timedelta
    recent_need: float
    recent_peak: float
    recurring_need: float
    recurring_peak: float
    minutes_known: int
    #: Known part of the last hour before the latest minute, or of the time since the first sample if that is shorter.
    known_share: float


def observe(samples: Sequence[MinuteSample], now: datetime, settings: Settings) -> ObservedDemand | None:
    """Return what the samples say at `now`; None if no minute within `settings.patience` is known."""
    latest = _latest_known(samples, now - settings.patience)
    if latest is None:
        return None
    newest = samples[latest]
    demands = _by_minute(samples, latest, settings)
    need, peak = _recent(demands, _margins_by_age(settings))
    recurring = _recurring_peak(samples, now, settings.lead_time)
    wanted = (newest.incoming_records or 0.0) + newest.throttled_records
    hour = demands[-60:]
    return ObservedDemand(
        latest=newest.demand or 0.0,
        throttled_share=newest.throttled_records / wanted if wanted else 0.0,
        throttled_minutes=_throttled_run(samples, latest) if newest.throttled_records else 0,
        age=now - newest.minute - MINUTE,
        recent_need=need,
        recent_peak=peak,
        recurring_need=recurring * settings.recurring_margin,
        recurring_peak=recurring,
        minutes_known=len(demands) - demands.count(None),
        known_share=1 - hour.count(None) / len(hour),
    )


def _latest_known(samples: Sequence[MinuteSample], earliest: datetime) -> int | None:
    for index in range(len(samples) - 1, -1, -1):
        sample = samples[index]
        if sample.minute < earliest:
            return None
        if sample.demand is not None:
            return index
    return None


def _index_at(samples: Sequence[MinuteSample], minute: datetime) -> int:
    """Return the first sample at or after `minute`; at once where no minute is missing after it."""
    guess = len(samples) - 1 - (samples[-1].minute - minute) // MINUTE
    if 0 <= guess < len(samples) and samples[guess].minute == minute:
        return guess
    return bisect_left(samples, minute, key=_minute)


def _by_minute(samples: Sequence[MinuteSample], latest: int, settings: Settings) -> list[float | None]:
    """Return the demand of each minute up to sample `latest`, oldest first; None where it is unknown."""
    newest = samples[latest].minute
    first = _index_at(samples, newest - settings.patience + MINUTE)
    trusted = _index_at(samples, newest - settings.refusals_believed + MINUTE)
    window = samples[first : latest + 1]
    demands = [sample.accepted for sample in window[: trusted - first]]
    demands += [sample.demand for sample in window[trusted - first :]]
    minutes = (newest - window[0].minute) // MINUTE + 1
    if minutes == len(window):
        return demands
    spread: list[float | None] = [None] * minutes
    for sample, demand in zip(window, demands, strict=True):
        spread[-1 - (newest - sample.minute) // MINUTE] = demand
    return spread


def _recent(demands: list[float | None], margins: tuple[float, ...]) -> tuple[float, float]:
    """Return the largest demand with its margin, and that demand alone; the margin shrinks as a peak grows old."""
    known = [demand or 0.0 for demand in demands]
    needs = list(map(mul, known, margins[len(margins) - len(known) :]))
    need = max(needs)
    return need, known[needs.index(need)]


@lru_cache(maxsize=64)
def _margins_by_age(settings: Settings) -> tuple[float, ...]:
    """Return the margin for each age in minutes, the oldest first."""
    fresh, fading, patience = (int(age / MINUTE) for age in (settings.fresh, settings.fading, settings.patience))
    margins = []
    for age in range(patience):
        if age < fading:
            part = max(0, age - fresh) / (fading - fresh)
            margins.append(settings.fresh_margin + part * (settings.fading_margin - settings.fresh_margin))
        else:
            part = (age - fading) / (patience - fading)
            margins.append(settings.fading_margin + part * (settings.old_margin - settings.fading_margin))
    return tuple(reversed(margins))


def _throttled_run(samples: Sequence[MinuteSample], latest: int) -> int:
    index = latest
    while index >= 0 and samples[index].throttled_records:
        index -= 1
    return latest - index


def _recurring_peak(samples: Sequence[MinuteSample], now: datetime, lead_time: timedelta) -> float:
    """Return the peak to expect within `lead_time` because it came at this time before; 0 if none did.

    That takes two peaks: one at the same time a week ago and one on the last three days; while there is no week to look
    at, two on the last three days. A spike that came once is not expected again.
    """
    if now - samples[0].minute < DAY:
        return 0.0
    grid = samples[-1].minute + (now - samples[-1].minute) // MINUTE * MINUTE
    start, end = grid - RECURRENCE_SLACK, grid + lead_time
    days = [_peak(samples, start - days_ago * DAY, end - days_ago * DAY) for days_ago in (1, 2, 3)]
    last_week = _peak(samples, start - 7 * DAY, end - 7 * DAY)
    seen = sorted(peak for peak in days if peak is not None)
    if last_week is not None and seen:
        return min(last_week, seen[-1])
    return seen[-2] if len(seen) > 1 else 0.0


def _peak(samples: Sequence[MinuteSample], start: datetime, end: datetime) -> float | None:
    """Return the largest known demand of `[start, end]`; None unless most of it is known."""
    if start < samples[0].minute:
        return None
    minutes = (end - start) // MINUTE + 1
    first = _index_at(samples, start)
    window = samples[first : first + minutes]
    if not window or window[-1].minute > end:
        window = [sample for sample in window if sample.minute <= end]
    known = [sample.accepted for sample in window if sample.accepted is not None]
    return max(known) if 2 * len(known) > minutes else None
