"""`clean_events` → `identity_links`: which browsers or devices were seen with which users, day by day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from tests.specification import measures
from tests.specification.clean_events import CleanEvent


@dataclass(frozen=True, kw_only=True)
class IdentityLink:
    """A row of `identity_links`."""

    day: date
    anonymous_id: str
    user_id: str
    first_seen: datetime
    last_seen: datetime
    events: int
    site: str | None


def identity_links(clean: Iterable[CleanEvent]) -> list[IdentityLink]:
    """One row for each day and pair of ids; an anonymous id that is the user's only one is no pair."""
    pairs = [event for event in clean if event.anonymous_id is not None and event.anonymous_id != event.user_id]
    return [
        IdentityLink(
            day=day,
            anonymous_id=str(anonymous_id),
            user_id=user_id,
            first_seen=min(event.event_time for event in events),
            last_seen=max(event.event_time for event in events),
            events=len(events),
            site=site,
        )
        for (day, anonymous_id, (site, user_id)), events in measures.grouped(
            pairs, lambda event: (event.day, event.anonymous_id, event.person)
        ).items()
    ]
