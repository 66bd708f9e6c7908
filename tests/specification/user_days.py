"""`clean_events` → `user_days`: who was there on which day; and from it, who was new."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.specification import measures
from tests.specification.clean_events import CleanEvent, Person

DAY = timedelta(days=1)
#: Who was not seen in as many days before is new.
MEMORY = 90

UsersByDay = dict[date, Set[Person]]


@dataclass(frozen=True, kw_only=True)
class UserDay:
    """A row of `user_days`."""

    day: date
    user_id: str
    first_event: datetime
    last_event: datetime
    events: int
    site: str | None


def user_days(clean: Iterable[CleanEvent]) -> list[UserDay]:
    """One row for each day and user."""
    return [
        UserDay(
            day=day,
            user_id=user_id,
            first_event=min(event.event_time for event in events),
            last_event=max(event.event_time for event in events),
            events=len(events),
            site=site,
        )
        for (day, (site, user_id)), events in measures.grouped(clean, lambda e: (e.day, e.person)).items()
    ]


def users_by_day(rows: Iterable[UserDay]) -> UsersByDay:
    """The users of each day that has any."""
    return {
        day: {(row.site, row.user_id) for row in own}
        for day, own in measures.grouped(rows, lambda row: row.day).items()
    }


def new_users(day: date, present: UsersByDay) -> Set[Person]:
    """The users of a day who were there on none of the 90 days before."""
    seen: set[Person] = set()
    for age in range(1, MEMORY + 1):
        seen |= present.get(day - age * DAY, set())
    return present.get(day, set()) - seen
