"""`clean_events` → `sessions`, and the events that start one.

A user's events, in order, with gaps of at most 30 minutes are a session; a gap of *more* starts a new one. A day of a
user's without a break (a machine's) ends its session, so that each session lies within two days: what follows within
30 minutes is a piece that is `continued`, and is not counted as a session again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

from tests.specification import measures
from tests.specification.clean_events import CleanEvent, in_order
from tests.specification.hosts import foreign_host

GAP = timedelta(minutes=30)
DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Session:
    """A row of `sessions`."""

    session_start: datetime
    session_end: datetime
    user_id: str
    continued: bool
    events: int
    searches: int
    views: int
    carts: int
    purchases: int
    revenue: Decimal
    landing_event_name: str
    landing_product_id: str | None
    landing_pixel_id: str | None
    landing_page_url: str | None
    landing_referrer_host: str | None
    landing_utm_source: str | None
    landing_utm_medium: str | None
    landing_utm_campaign: str | None
    site: str | None


def sessions(clean: Iterable[CleanEvent]) -> list[Session]:
    """The sessions, and pieces of sessions, of every user."""
    return [
        _session(piece, continued=continued)
        for own in measures.grouped(clean, lambda event: event.person).values()
        for piece, continued in pieces(in_order(own))
    ]


def session_starts(clean: Iterable[CleanEvent]) -> list[CleanEvent]:
    """The events with no event of their user in the 30 minutes before; gapless days play no part in it.

    Of events at one time, one that is not a bot's starts the session.
    """
    starts: list[CleanEvent] = []
    for own in measures.grouped(clean, lambda event: event.person).values():
        ordered = sorted(own, key=lambda event: (event.event_time, event.is_bot))
        starts.append(ordered[0])
        starts += [event for before, event in pairwise(ordered) if event.event_time - before.event_time > GAP]
    return starts


def pieces(ordered: Sequence[CleanEvent]) -> list[tuple[list[CleanEvent], bool]]:
    """One user's events, cut into sessions, each with whether it only continues the one before."""
    gapless = {day for day, own in measures.grouped(ordered, lambda e: e.day).items() if is_gapless(day, own)}
    cut: list[tuple[list[CleanEvent], bool]] = [([ordered[0]], False)]
    for before, event in pairwise(ordered):
        if event.event_time - before.event_time > GAP:
            cut.append(([event], False))
        elif event.day != before.day and before.day in gapless:
            cut.append(([event], True))
        else:
            cut[-1][0].append(event)
    return cut


def is_gapless(day: date, ordered: Sequence[CleanEvent]) -> bool:
    """Whether a user's events of a day leave no 30 minutes out, from midnight to midnight."""
    midnight = datetime.combine(day, time(), UTC)
    times = [midnight, *(event.event_time for event in ordered), midnight + DAY]
    return all(later - earlier <= GAP for earlier, later in pairwise(times))


def _session(events: Sequence[CleanEvent], *, continued: bool) -> Session:
    first, last = events[0], events[-1]
    return Session(
        session_start=first.event_time,
        session_end=last.event_time,
        user_id=first.user_id,
        continued=continued,
        events=len(events),
        searches=measures.named(events, "Search"),
        views=measures.named(events, "ViewContent"),
        carts=measures.named(events, "AddToCart"),
        purchases=measures.named(events, "Purchase"),
        revenue=measures.revenue(events),
        landing_event_name=first.event_name,
        landing_product_id=first.product_id,
        landing_pixel_id=first.pixel_id,
        landing_page_url=first.page_url,
        landing_referrer_host=foreign_host(first.referrer, first.page_url),
        landing_utm_source=first.utm_source,
        landing_utm_medium=first.utm_medium,
        landing_utm_campaign=first.utm_campaign,
        site=first.person[0],
    )
