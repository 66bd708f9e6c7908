"""Figures of days, users by cohort and hourly traffic → the rows of the tables that have a few dozen rows a day.

The driver makes them, however many users there are: what counts users or sessions was counted by tasks, and what counts
events is a sum over hours.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any, Final

from contracts.event import FUNNEL_EVENTS
from contracts.partitions import DAY, day_of_number
from contracts.rules import RETENTION_DAYS
from contracts.tables import DAILY_FUNNEL, DAILY_RETENTION, DAILY_TRAFFIC, DAILY_TRANSITIONS, Table
from spark_jobs.checks.id_samples import IdSample

Row = tuple[Any, ...]

#: A day, the day on which its users were new, and how many they are.
UsersByCohort = Mapping[tuple[date, date], int]

_DIGEST_LENGTH: Final = 32
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class FunnelStep:
    """Users of a day who did a step after all the earlier ones, and at all; the median time from the step before."""

    in_order: int = 0
    in_any_order: int = 0
    median_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class DaySessions:
    """Sessions that start on a day, without the pieces of sessions that were cut at midnight; and its users of no bot.

    It is what `daily_traffic` has of a day's own events alone; None where a row is older than the column.
    """

    sessions: int = 0
    bounces: int = 0
    converted_sessions: int = 0
    users_without_bots: int | None = 0
    sessions_without_bots: int | None = 0
    converted_sessions_without_bots: int | None = 0


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """What a day came to; `users_fingerprint` is the same for the same set of users, and for no other.

    `session_rows` also counts the pieces of sessions that were cut at midnight.
    """

    events: int = 0
    users: int = 0
    users_fingerprint: str = ""
    session_rows: int = 0
    sessions: DaySessions = DaySessions()
    funnel: tuple[FunnelStep, ...] = ()
    ids: IdSample | None = None

    @classmethod
    def of(cls, sums: Mapping[str, int], medians: Mapping[int, float], ids: IdSample) -> "DayFigures":
        """Return what the sums of `day_queries.FIGURES` say; `medians` are those of the funnel's steps, by number."""
        return cls(
            events=sums["events"],
            users=sums["users"],
            users_fingerprint=_fingerprint(sums),
            session_rows=sums["session_rows"],
            sessions=DaySessions(**{each.name: sums[each.name] for each in fields(DaySessions)}),
            funnel=tuple(
                FunnelStep(
                    in_order=sums[f"in_order_{step}"],
                    in_any_order=sums[f"in_any_order_{step}"],
                    median_seconds=medians.get(step),
                )
                for step in range(1, len(FUNNEL_EVENTS) + 1)
            ),
            ids=ids,
        )


def _fingerprint(sums: Mapping[str, int]) -> str:
    """Return a hash of a set of users that does not depend on their order: each was hashed twice, and added up."""
    text = f"{sums['users']} {sums['hashes_low']} {sums['hashes_high']}"
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


def funnel_rows(figures: Mapping[date, DayFigures]) -> list[Row]:
    """Return the rows of `daily_funnel`: four for each day that has users."""
    return [
        _row(
            DAILY_FUNNEL,
            day=day,
            step=number,
            event_name=event,
            users_in_order=step.in_order,
            users_in_any_order=step.in_any_order,
            median_seconds=step.median_seconds,
        )
        for day, of_day in figures.items()
        if of_day.users
        for number, (event, step) in enumerate(zip(FUNNEL_EVENTS, of_day.funnel, strict=True), start=1)
    ]


def transition_rows(parts: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return the rows of `daily_transitions`: those of `transition_queries.TRANSITIONS` of all parts, added up."""
    sessions: Counter[tuple[int, int, str, str]] = Counter()
    transitions: Counter[tuple[int, int, str, str]] = Counter()
    for row in parts:
        key = (row["day"], row["step"], row["from_event"], row["to_event"])
        sessions[key] += row["sessions"]
        transitions[key] += row["transitions"]
    return [
        _row(
            DAILY_TRANSITIONS,
            day=day_of_number(day),
            step=step,
            from_event=before,
            to_event=after,
            sessions=count,
            transitions=transitions[day, step, before, after],
        )
        for (day, step, before, after), count in sessions.items()
    ]


def retention_rows(users: UsersByCohort, days: Collection[date]) -> list[Row]:
    """Return the rows of `daily_retention` of `days`: each with users, and each cohort up to 30 days old by then."""
    with_users = {day for day, _ in users}
    return [
        _row(
            DAILY_RETENTION,
            day=day,
            cohort_day=cohort,
            age=age,
            cohort_users=users[cohort, cohort],
            active_users=users.get((day, cohort), 0),
        )
        for day in sorted(with_users.intersection(days))
        for age in range(RETENTION_DAYS + 1)
        if (cohort := day - age * DAY, cohort) in users
    ]


@dataclass(frozen=True, kw_only=True)
class DayTraffic:
    """Sums of a day's hours in `hourly_traffic`; None where an hour's row is older than the column."""

    events: int = 0
    purchases: int = 0
    purchases_without_price: int = 0
    revenue: Decimal = Decimal("0.00")
    refunds: int | None = 0
    refunded: Decimal | None = Decimal("0.00")
    purchases_in_other_currency: int | None = 0

    @property
    def average_order(self) -> Decimal | None:
        """Return revenue / purchases with a price in the shop's currency, rounded half up; None without any."""
        priced = self.purchases - self.purchases_without_price - (self.purchases_in_other_currency or 0)
        cents = int(self.revenue / _CENT)
        return _CENT * ((2 * cents + priced) // (2 * priced)) if priced else None


def traffic_by_day(hours: Iterable[Mapping[str, Any]]) -> dict[date, DayTraffic]:
    """Return the sums of each day, from rows of `hourly_traffic`."""
    days: dict[date, DayTraffic] = {}
    for hour in hours:
        day = hour["event_hour"].date()
        sums = days.get(day, DayTraffic())
        days[day] = DayTraffic(**{name: known_sum([getattr(sums, name), hour[name]]) for name in vars(sums)})
    return days


def known_sum(values: Sequence[Any]) -> Any:
    """Return the sum, None if one of the values is not known.

    >>> known_sum([1, 2]), known_sum([1, None])
    (3, None)
    """
    return None if any(value is None for value in values) else sum(values)


def traffic_rows(
    users: UsersByCohort,
    sessions: Mapping[date, DaySessions],
    traffic: Mapping[date, DayTraffic],
    days: Collection[date],
) -> list[Row]:
    """Return a row of `daily_traffic` for each of `days` that has users."""
    totals: dict[date, int] = {}
    for (day, _), of_cohort in users.items():
        totals[day] = totals.get(day, 0) + of_cohort
    rows = []
    for day in sorted(totals.keys() & set(days)):
        new, of_day, hours = users.get((day, day), 0), sessions.get(day, DaySessions()), traffic.get(day, DayTraffic())
        rows.append(
            _row(
                DAILY_TRAFFIC,
                day=day,
                users=totals[day],
                new_users=new,
                returning_users=totals[day] - new,
                **vars(of_day),
                bounce_share=_share(of_day.bounces, of_day.sessions),
                conversion=_share(of_day.converted_sessions, of_day.sessions),
                conversion_without_bots=_share(of_day.converted_sessions_without_bots, of_day.sessions_without_bots),
                **vars(hours),
                average_order=hours.average_order,
            )
        )
    return rows


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


def _row(table: Table, **values: Any) -> Row:
    """Return a row of a table as `Lake.write_rows` takes it."""
    return tuple(values[column.name] for column in table.columns)
