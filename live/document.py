"""What is read so far → the live document of a moment."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, TypeVar

from contracts.live_document import (
    LONGEST_TEXT,
    MINUTES,
    MOST_HOURS,
    MOST_NAMES,
    MOST_UNREADABLE,
    Freshness,
    LandingHourTotals,
    LiveDocument,
    NamedSeries,
    Rejections,
    Sampling,
    Series,
    UnreadableObject,
    shortened,
)
from live.id_sample import KEPT
from live.landing_hour import LandingHourReading
from live.last_lines import LastLines
from live.minutes import MinuteFigures, NameFigures, minute_of, start_of_minute, united

_NOTHING: Final = NameFigures()
_Value = TypeVar("_Value")


def live_document(
    hours: Sequence[LandingHourReading], now: datetime, *, buffer_interval: timedelta, interval: timedelta
) -> LiveDocument:
    """Return the document of the hours in view, the newest first; it has the size that it may have."""
    last = minute_of(now)
    minutes = range(last - MINUTES + 1, last + 1)
    figures = united((hour.minutes for hour in hours), minutes)
    shown, merged = _names(figures.values())
    all_names = _series_of_all(figures, minutes)
    names = tuple(NamedSeries(event_name=name, series=_series_of(name, figures, minutes)) for name in shown)
    others = _series(_others(figures, minutes, frozenset(shown))) if merged else None
    series = [all_names, *(named.series for named in names), *([others] if others else [])]
    return LiveDocument(
        written_at=now,
        interval=interval.total_seconds(),
        freshness=freshness(hours, now, minutes, buffer_interval),
        first_minute=start_of_minute(minutes[0]),
        all_names=all_names,
        names=names,
        others=others,
        rejections=tuple(_rejections(figures, minutes)),
        landing_hours=tuple(_totals(hour, now, buffer_interval) for hour in hours[:MOST_HOURS]),
        lines=LastLines.newest_of(hour.lines for hour in hours),
        unreadable=tuple(_unreadable(hours))[:MOST_UNREADABLE],
        sampling=Sampling(
            ids_kept=KEPT,
            users_one_in=max(max(one.users_one_in) for one in series),
            copies_one_in=max(max(one.copies_one_in) for one in series),
            merged_names=sum(found.merged_names for found in figures.values()),
        ),
    ).fitted()


def freshness(
    hours: Sequence[LandingHourReading], now: datetime, minutes: range, buffer_interval: timedelta
) -> Freshness:
    """Return how far behind the newest event is, and of which part."""
    unread = [listed for hour in hours for listed in hour.unread()]
    newest = max(
        (read for hour in hours for read in hour.read.values() if read.newest is not None),
        key=lambda read: (read.newest, -read.listed_at.timestamp()),
        default=None,
    )
    arrival = newest.newest if newest else None
    spans: list[float | None] = [None] * 4
    if newest is not None and arrival is not None:
        steps = arrival, newest.listed_at, newest.counted_at, now
        spans = [(end - start).total_seconds() for start, end in ((arrival, now), *pairwise(steps))]
    behind, delivering, reading, waiting = spans
    return Freshness(
        newest_arrival=arrival,
        behind=behind,
        delivering=delivering,
        reading=reading,
        waiting=waiting,
        complete_from=_complete_from(hours, minutes, buffer_interval),
        unread_objects=len(unread),
        unread_bytes=sum(listed.size for listed in unread),
    )


def _complete_from(hours: Sequence[LandingHourReading], minutes: range, buffer_interval: timedelta) -> datetime | None:
    """Return the first minute that no unread object has lines of; objects lie in order but for a buffer's length."""
    first = start_of_minute(minutes[0])
    unread = max((listed.key for hour in hours for listed in hour.unread()), default=None)
    if unread is None:
        return first
    oldest = [
        read.oldest for hour in hours for key, read in hour.read.items() if key > unread and read.oldest is not None
    ]
    if not oldest:
        return None
    complete = start_of_minute(minute_of(min(oldest) + buffer_interval) + 1)
    return max(complete, first) if complete <= start_of_minute(minutes[-1]) else None


def _names(figures: Iterable[MinuteFigures]) -> tuple[list[str], bool]:
    """Return the most frequent names, and whether there are others."""
    events: Counter[str] = Counter()
    has_others = False
    for found in figures:
        events.update({name: of_name.events for name, of_name in found.names.items()})
        has_others = has_others or found.others.events > 0
    in_order = sorted(events, key=lambda name: (-events[name], name))
    return in_order[:MOST_NAMES], has_others or len(in_order) > MOST_NAMES


def _series_of(name: str, figures: Mapping[int, MinuteFigures], minutes: range) -> Series:
    found = (figures[minute].names.get(name) if minute in figures else None for minute in minutes)
    return _series([one or _NOTHING for one in found])


def _others(figures: Mapping[int, MinuteFigures], minutes: range, shown: frozenset[str]) -> list[NameFigures]:
    return [_sum_of_others(figures[minute], shown) if minute in figures else _NOTHING for minute in minutes]


def _sum_of_others(found: MinuteFigures, shown: frozenset[str]) -> NameFigures:
    total = NameFigures()
    total.add(found.others)
    for name, figures in found.names.items():
        if name not in shown:
            total.add(figures)
    return total


def _series_of_all(figures: Mapping[int, MinuteFigures], minutes: range) -> Series:
    """Return the series of all names: sums of theirs, but for users, of whom one may have several names' events."""
    found = [figures.get(minute) for minute in minutes]
    of_names = [[*one.names.values(), one.others] if one else [] for one in found]

    def sums(value: Callable[[NameFigures], int]) -> tuple[int, ...]:
        return tuple(sum(map(value, of_minute)) for of_minute in of_names)

    return Series(
        events=sums(lambda one: one.events),
        users=tuple(one.users.distinct if one else 0 for one in found),
        users_one_in=tuple(one.users.one_in if one else 1 for one in found),
        purchases=sums(lambda one: one.purchases),
        revenue=tuple(sum((one.revenue for one in of_minute), Decimal(0)) for of_minute in of_names),
        bots=sums(lambda one: one.bots),
        copies=sums(lambda one: one.click_ids.repeated),
        copies_one_in=tuple(max((one.click_ids.one_in for one in of_minute), default=1) for of_minute in of_names),
    )


def _series(figures: Sequence[NameFigures]) -> Series:
    return Series(
        events=tuple(one.events for one in figures),
        users=tuple(one.users.distinct for one in figures),
        users_one_in=tuple(one.users.one_in for one in figures),
        purchases=tuple(one.purchases for one in figures),
        revenue=tuple(one.revenue for one in figures),
        bots=tuple(one.bots for one in figures),
        copies=tuple(one.click_ids.repeated for one in figures),
        copies_one_in=tuple(one.click_ids.one_in for one in figures),
    )


def _rejections(figures: Mapping[int, MinuteFigures], minutes: range) -> Iterable[Rejections]:
    for reason in sorted({reason for found in figures.values() for reason in found.rejections}):
        lines = tuple(figures[minute].rejections[reason] if minute in figures else 0 for minute in minutes)
        yield Rejections(reason=reason, lines=lines)


def _totals(hour: LandingHourReading, now: datetime, buffer_interval: timedelta) -> LandingHourTotals:
    found = hour.minutes
    return LandingHourTotals(
        landing_hour=hour.landing_hour,
        state=hour.state(now, buffer_interval),
        complete=hour.is_complete(now, buffer_interval),
        objects=len(hour.listed),
        unread_objects=len(hour.unread()),
        unreadable_objects=hour.damaged,
        lines=found.received + found.rejected,
        received=found.received,
        rejected=found.rejected,
        undated=found.undated,
        rejected_by_reason=dict(sorted(found.reasons.items())),
    )


def _unreadable(hours: Iterable[LandingHourReading]) -> Iterable[UnreadableObject]:
    for hour in hours:
        for key, failed in sorted(hour.failed.items(), reverse=True):
            yield UnreadableObject(
                key=shortened(key, 2 * LONGEST_TEXT),
                error=shortened(failed.error, 2 * LONGEST_TEXT),
                tries=failed.tries,
                is_damaged=failed.is_damaged,
            )
