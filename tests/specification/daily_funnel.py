"""`clean_events` → `daily_funnel`: how far users came, and how long each step took them.

A user's walk through a day: the first `Search`, the first `ViewContent` not before that, the first `AddToCart` not
before that, the first `Purchase` not before that. It ends at the first step that does not exist.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from tests.specification import measures
from tests.specification.clean_events import CleanEvent

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class FunnelStep:
    """A row of `daily_funnel`: one of the four steps, on a day with events."""

    day: date
    step: int
    event_name: str
    users_in_order: int
    users_in_any_order: int
    median_seconds: float | None


def daily_funnel(clean: Iterable[CleanEvent]) -> list[FunnelStep]:
    """Four rows for each day, whether anybody came there or not."""
    return [
        row for day, events in measures.grouped(clean, lambda event: event.day).items() for row in _steps(day, events)
    ]


def _steps(day: date, events: Sequence[CleanEvent]) -> list[FunnelStep]:
    walks = [walk(own) for own in measures.grouped(events, lambda event: event.person).values()]
    return [
        FunnelStep(
            day=day,
            step=step,
            event_name=name,
            users_in_order=sum(len(times) >= step for times in walks),
            users_in_any_order=measures.users(event for event in events if event.event_name == name),
            median_seconds=_median_seconds(walks, step),
        )
        for step, name in enumerate(measures.FUNNEL, start=1)
    ]


def walk(events: Iterable[CleanEvent]) -> list[datetime]:
    """The times of a user's steps in order, as many as there are."""
    by_name = measures.grouped(events, lambda event: event.event_name)
    times: list[datetime] = []
    for name in measures.FUNNEL:
        possible = [e.event_time for e in by_name.get(name, []) if not times or e.event_time >= times[-1]]
        if not possible:
            break
        times.append(min(possible))
    return times


def _median_seconds(walks: Iterable[Sequence[datetime]], step: int) -> float | None:
    """The median time from the step before: the middle one, or the mean of the two middle ones."""
    if step == 1:
        return None
    waits = [(times[step - 1] - times[step - 2]) // MICROSECOND for times in walks if len(times) >= step]
    return median(waits) / 1_000_000 if waits else None
