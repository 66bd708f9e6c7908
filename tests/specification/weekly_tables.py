"""`clean_events`, `sessions` and `user_days` → `weekly_traffic`."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tests.specification import measures
from tests.specification.clean_events import CleanEvent, Person
from tests.specification.sessions import Session
from tests.specification.user_days import UsersByDay, new_users


@dataclass(frozen=True, kw_only=True)
class WeeklyTraffic:
    """A row of `weekly_traffic`: an ISO week with events, named by its Monday."""

    week: date
    events: int
    users: int
    new_users: int
    returning_users: int
    sessions: int
    converted_sessions: int
    conversion: float | None
    purchases: int
    revenue: Decimal
    refunds: int
    refunded: Decimal
    purchases_in_other_currency: int


def monday_of(day: date) -> date:
    """The Monday of the ISO week in which a day lies."""
    year, week, _ = day.isocalendar()
    return date.fromisocalendar(year, week, 1)


def weekly_traffic(clean: Iterable[CleanEvent], made: Iterable[Session], present: UsersByDay) -> list[WeeklyTraffic]:
    """One row for each week; a session counts in the week in which it starts, and its pieces do not."""
    whole = [session for session in made if not session.continued]
    starting = measures.grouped(whole, lambda session: monday_of(session.session_start.date()))
    return [
        _traffic(week, events, starting.get(week, []), new_users_of_week(week, present))
        for week, events in measures.grouped(clean, lambda event: monday_of(event.day)).items()
    ]


def new_users_of_week(week: date, present: UsersByDay) -> Set[Person]:
    """The users who were new on their first day of the week."""
    seen: set[Person] = set()
    new: set[Person] = set()
    for day in sorted(day for day in present if monday_of(day) == week):
        new |= new_users(day, present) - seen
        seen |= present[day]
    return new


def _traffic(week: date, events: Sequence[CleanEvent], starting: Sequence[Session], new: Set[Person]) -> WeeklyTraffic:
    users = measures.users(events)
    converted = sum(session.purchases > 0 for session in starting)
    return WeeklyTraffic(
        week=week,
        events=len(events),
        users=users,
        new_users=len(new),
        returning_users=users - len(new),
        sessions=len(starting),
        converted_sessions=converted,
        conversion=converted / len(starting) if starting else None,
        purchases=measures.named(events, "Purchase"),
        revenue=measures.revenue(events),
        refunds=measures.named(events, "Refund"),
        refunded=measures.refunded(events),
        purchases_in_other_currency=measures.purchases_in_other_currency(events),
    )
