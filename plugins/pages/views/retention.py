"""Cohorts by day → the share of each that came back, by how many days later, or by weeks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from contracts.partitions import DAY, start_of_day
from contracts.rules import NEW_USER_DAYS, RETENTION_DAYS
from contracts.tables import DAILY_RETENTION
from pages.lake.reader import Lake
from pages.panels import HeatMap, HeatRow, Line, Panel, Series, Unit, View
from pages.selection import Selection, choice_control, day_control, days_before
from pages.views.latest import latest_day
from pages.views.notes import nothing
from pages.views.settled import state_of
from pages.views.written import holds_until

ID: Final = "retention"
TITLE: Final = "Retention"
SENTENCE: Final = "How many of the visitors who were new on a day came back later."

_ROWS: Final = {"days": "days", "weeks": "weeks"}
_COHORTS: Final = 30
_ABOUT: Final = f"New are users who were not seen in the {NEW_USER_DAYS} days before; with bots."


@dataclass(frozen=True, kw_only=True)
class _Cohort:
    """The users who were new on a day, and how many of them were there at each age that is known."""

    day: date
    users: int
    active: Mapping[int, int]


def view(lake: Lake, selection: Selection) -> View:
    """Return the cohorts up to a day."""
    day = selection.day(default=latest_day(lake, DAILY_RETENTION, selection))
    by = selection.choice("by", list(_ROWS), "days")
    cohorts = _cohorts(lake, day)
    return View(
        id=ID,
        title=TITLE,
        sentence=SENTENCE,
        panels=_panels(lake, selection, day, cohorts, by) or [nothing(lake, DAILY_RETENTION, selection, day, day)],
        as_of=holds_until(lake, DAILY_RETENTION, selection, start_of_day(day + DAY)),
        controls=(day_control(day), choice_control("by", "Cohorts by", by, _ROWS)),
    )


def _cohorts(lake: Lake, day: date) -> Sequence[_Cohort]:
    """Return the cohorts of the days up to `day`, the first one first, as far as the days up to it know them."""
    first = days_before(day, _COHORTS)
    rows = lake.rows(DAILY_RETENTION, ["day", "cohort_day", "age", "cohort_users", "active_users"], first, day)
    found = lake.ask(
        """
        SELECT cohort_day, max(cohort_users), map(list(age ORDER BY age), list(active_users ORDER BY age))
        FROM retention WHERE day >= $1 AND day <= $2 AND cohort_day >= $1 GROUP BY cohort_day ORDER BY cohort_day
        """,
        [first, day],
        retention=rows,
    )
    return [_Cohort(day=cohort_day, users=users, active=dict(active)) for cohort_day, users, active in found]


def _panels(lake: Lake, selection: Selection, day: date, cohorts: Sequence[_Cohort], by: str) -> list[Panel]:
    if not cohorts:
        return []
    trust = state_of(lake, selection, day).trust("Users")
    width = max(age for cohort in cohorts for age in cohort.active) + 1
    known = _known_days(lake, day)
    rows = _day_rows(cohorts, width, known) if by == "days" else _week_rows(cohorts, known)
    unit = "day" if by == "days" else "week"
    columns = [f"{unit} {number}" for number in range(max(len(row.values) for row in rows))]
    return [
        HeatMap(
            id="cohorts",
            title=f"Cohorts by {unit}",
            about=f"{_ABOUT} Dashes are not known yet.",
            columns=columns,
            rows=rows,
            trust=trust,
        ),
        _curve(cohorts, known, day),
    ]


def _known_days(lake: Lake, day: date) -> frozenset[date]:
    """Return the days whose tables are written: a cohort of which nobody came on one of them had 0 there."""
    first = days_before(day, _COHORTS)
    rows = lake.rows(DAILY_RETENTION, ["day"], first, day)
    found = lake.ask("SELECT DISTINCT day FROM retention WHERE day >= ? AND day <= ?", [first, day], retention=rows)
    return frozenset(each for (each,) in found)


def _active(cohort: _Cohort, age: int, known: frozenset[date]) -> int | None:
    if age > RETENTION_DAYS or cohort.day + timedelta(days=age) not in known:
        return None
    return cohort.active.get(age, 0)


def _day_rows(cohorts: Sequence[_Cohort], width: int, known: frozenset[date]) -> Sequence[HeatRow]:
    return [
        HeatRow(
            label=str(cohort.day),
            size=cohort.users,
            values=[_share(_active(cohort, age, known), cohort.users) for age in range(width)],
        )
        for cohort in reversed(cohorts)
    ]


def _week_rows(cohorts: Sequence[_Cohort], known: frozenset[date]) -> Sequence[HeatRow]:
    """Return a row for each ISO week: of its cohorts, the mean share of a day that is so many weeks later.

    It is weighted by the cohorts' sizes. A user who comes on three days of a week counts in each: distinct users of a
    week are not known from the days.
    """
    weeks: dict[date, list[_Cohort]] = {}
    for cohort in cohorts:
        weeks.setdefault(cohort.day - cohort.day.weekday() * DAY, []).append(cohort)
    last = max(age for cohort in cohorts for age in cohort.active) // 7
    return [
        HeatRow(
            label=f"week of {monday}",
            size=sum(cohort.users for cohort in weeks[monday]),
            values=[
                _mean(weeks[monday], [7 * number] if number == 0 else list(range(7 * number, 7 * number + 7)), known)
                for number in range(last + 1)
            ],
        )
        for monday in sorted(weeks, reverse=True)
    ]


def _mean(cohorts: Sequence[_Cohort], ages: Sequence[int], known: frozenset[date]) -> float | None:
    pairs = [(_active(cohort, age, known), cohort.users) for cohort in cohorts for age in ages]
    there = [(active, users) for active, users in pairs if active is not None]
    users = sum(users for _, users in there)
    return sum(active for active, _ in there) / users if users else None


def _share(active: int | None, users: int) -> float | None:
    return active / users if active is not None and users else None


def _curve(cohorts: Sequence[_Cohort], known: frozenset[date], day: date) -> Series:
    """Return, of each cohort, the share that was there on the next day, and a week later."""
    lines = [
        Line(
            label="the next day" if age == 1 else f"{age} days later",
            values=[_share(_active(cohort, age, known), cohort.users) for cohort in cohorts],
            unit=Unit.PERCENT,
        )
        for age in (1, 7)
    ]
    return Series(
        id="curve",
        title="Who came back",
        about=f"Of the users who were new on a day, up to {day}.",
        step="day",
        instants=[start_of_day(cohort.day) for cohort in cohorts],
        lines=lines,
    )
