"""Hourly tables of a day → what happened on it, beside the same hours of the same day a week before.

The tables of a day are written when it is over. Until then what can be added up over hours is, and what cannot
(distinct visitors, sessions that bought something) is not known, and says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from contracts.partitions import DAY, HOUR, hours_of_day
from contracts.tables import (
    DAILY_SOURCES,
    DAILY_TRAFFIC,
    EVENT_LEDGER,
    HOURLY_EVENT_COUNTS,
    HOURLY_TRAFFIC,
    WITHOUT_BOTS,
)
from pages.lake.reader import Lake
from pages.panels import Bars, Column, Control, Figure, Figures, Kind, Line, Panel, Series, Table, Trust, Unit, View
from pages.selection import Selection, choice_control, day_control, week_before, zone_control
from pages.views.notes import information, nothing
from pages.views.ranking import ranked_bars
from pages.views.settled import DayState, last_landing_hour, state_of
from pages.views.written import holds_until

ID: Final = "today"
TITLE: Final = "Today"
SENTENCE: Final = "What visitors did on a day, beside the same day of the week before."

_BOTS: Final = {"without": "without bots", "with": "with bots"}
_NAMES_SHOWN: Final = 8
_SUMS: Final = ("events", "sessions_started", "purchases", "revenue", "purchases_without_price")
_LATER_SUMS: Final = ("purchases_in_other_currency", "refunds", "refunded")
#: What is counted once a day is over: visitors of its hours are not added up.
_OF_DAYS: Final = tuple(f"{name}{suffix}" for name in ("users", "conversion") for suffix in ("", WITHOUT_BOTS))
_NOT_OVER: Final = "known when the day is over"
_OLDER: Final = "not known: the day was written before days were counted without bots; reconcile_hours writes it again"
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class _Hours:
    """Sums of the hours of a day up to `until`, as they are in `hourly_traffic`."""

    hours: Mapping[datetime, int]
    sums: Mapping[str, Any]

    @property
    def is_empty(self) -> bool:
        return not self.hours

    def of(self, name: str) -> Any:
        """Return a sum; None if there are no hours."""
        return self.sums[name] if self.hours else None

    @property
    def average_order(self) -> Decimal | None:
        """Return the revenue for each purchase that counts for it."""
        orders = (
            (self.of("purchases") or 0)
            - (self.of("purchases_without_price") or 0)
            - (self.of("purchases_in_other_currency") or 0)
        )
        return (self.of("revenue") / orders).quantize(_CENT, ROUND_HALF_UP) if orders > 0 else None

    @property
    def orders_per_session(self) -> float | None:
        sessions = self.of("sessions_started")
        return self.of("purchases") / sessions if sessions else None


def view(lake: Lake, selection: Selection) -> View:
    """Return the view of a day."""
    day = selection.day(default=selection.today)
    bots = selection.choice("bots", list(_BOTS), "without")
    before = week_before(day)
    state = state_of(lake, selection, day)
    suffix = WITHOUT_BOTS if bots == "without" else ""
    these = _hours(lake, day, suffix, None)
    until = max(these.hours, default=None)
    as_of = holds_until(lake, EVENT_LEDGER, selection, state.until) if state.until else selection.now
    compared_until = until - 7 * DAY if state.is_open and until is not None else None
    those = _hours(lake, before, suffix, compared_until)
    panels: list[Panel] = []
    if these.is_empty:
        panels.append(nothing(lake, HOURLY_TRAFFIC, selection, day, day))
    else:
        panels += _open_note(state, as_of)
        trust = state.trust("Sums")
        # What is counted once a day is over is compared with whole days alone.
        now, then = _days(lake, day), {} if state.is_open else _days(lake, before)
        panels.append(_figures(day, (now, these), (then, those), state, bots, trust))
        panels.append(_per_hour(day, these, _hours(lake, before, suffix, None), trust, _open_from(lake, state)))
        panels.append(_both_ways(lake, day, compared_until, now, then, trust))
        panels += _names(lake, day, before, suffix, compared_until, trust)
        panels += _sources(lake, day, before, state)
    return View(
        id=ID,
        title=TITLE,
        sentence=SENTENCE,
        panels=panels,
        as_of=as_of,
        controls=_controls(selection, day, bots),
        refresh_seconds=60 if state.is_open else 0,
    )


def _controls(selection: Selection, day: date, bots: str) -> Sequence[Control]:
    return (
        day_control(day),
        choice_control("bots", "Events", bots, _BOTS, "A bot is flagged by its User-Agent or its rate of events."),
        zone_control(selection),
    )


def _open_note(state: DayState, as_of: datetime) -> Sequence[Panel]:
    if not state.is_open:
        return ()
    count = len(state.written)
    return [
        information(
            "open",
            f"The day is open: {count} of its 24 hours are written, up to {as_of:%H:%M} UTC. "
            "It is compared with the same hours of the week before.",
            remedy="Distinct visitors and sources are counted when the day is over.",
        )
    ]


def _hours(lake: Lake, day: date, suffix: str, until: datetime | None) -> _Hours:
    """Return the hours of a day, up to and with `until` if given; a sum that is not known in all hours is None."""
    names = [f"{name}{suffix}" for name in (*_SUMS, *_LATER_SUMS)]
    rows = lake.rows(HOURLY_TRAFFIC, ["event_hour", *names], day, day)
    found = lake.ask(
        f"""
        SELECT event_hour, {", ".join(names)} FROM traffic
        WHERE event_hour >= ? AND event_hour < ? AND event_hour <= ? ORDER BY event_hour
        """,  # noqa: S608 (names of declared columns)
        [*_bounds(day), until or _bounds(day)[1]],
        traffic=rows,
    )
    columns = zip(*(row[1:] for row in found), strict=True) if found else ()
    sums = {
        name: None if None in values else sum(values)
        for name, values in zip((*_SUMS, *_LATER_SUMS), columns, strict=False)
    }
    return _Hours(hours={row[0]: row[1] for row in found}, sums=sums)


def _bounds(day: date) -> tuple[datetime, datetime]:
    hours = list(hours_of_day(day))
    return hours[0], hours[-1] + HOUR


def _figures(
    day: date,
    this: tuple[Mapping[str, Any], _Hours],
    that: tuple[Mapping[str, Any], _Hours],
    state: DayState,
    bots: str,
    trust: Trust,
) -> Figures:
    label = "same hours a week before" if state.is_open else "a week before"
    suffix = WITHOUT_BOTS if bots == "without" else ""
    (now, these), (then, those) = this, that

    def of_day(title: str, name: str, unit: Unit = Unit.COUNT) -> Figure:
        value = now.get(f"{name}{suffix}")
        note = "" if value is not None else _OLDER if now else _NOT_OVER
        return _figure(title, value, then.get(f"{name}{suffix}"), label, unit, note)

    def of_hours(title: str, name: str, unit: Unit = Unit.COUNT) -> Figure:
        return _figure(title, these.of(name), those.of(name), label, unit)

    return Figures(
        id="totals",
        title=f"{day:%A} {day}",
        about=f"Events by the hour in which they happened, {_BOTS[bots]}.",
        trust=trust,
        figures=[
            of_day("Visitors", "users"),
            of_hours("Sessions", "sessions_started"),
            of_hours("Purchases", "purchases"),
            of_hours("Revenue", "revenue", Unit.MONEY),
            of_day("Conversion", "conversion", Unit.PERCENT),
            _figure(
                "Purchases for each session",
                these.orders_per_session,
                those.orders_per_session,
                label,
                Unit.PERCENT,
            ),
            _figure("Average order", these.average_order, those.average_order, label, Unit.MONEY),
            of_hours("Events", "events"),
            _figure("Refunded", these.of("refunded"), those.of("refunded"), label, Unit.MONEY, good=False),
        ],
    )


def _figure(
    title: str, value: Any, before: Any, label: str, unit: Unit, note: str = "", *, good: bool = True
) -> Figure:
    return Figure(
        label=title, value=value, unit=unit, before=before, before_label=label, more_is_better=good, note=note
    )


def _days(lake: Lake, day: date) -> Mapping[str, Any]:
    """Return what is known of a whole day: nothing before it is over."""
    rows = lake.rows(DAILY_TRAFFIC, ["day", *_OF_DAYS], day, day)
    found = lake.ask(f"SELECT {', '.join(_OF_DAYS)} FROM days WHERE day = ?", [day], days=rows)  # noqa: S608
    return dict(zip(_OF_DAYS, found[0], strict=True)) if found else {}


def _both_ways(
    lake: Lake,
    day: date,
    compared_until: datetime | None,
    now: Mapping[str, Any],
    then: Mapping[str, Any],
    trust: Trust,
) -> Table:
    """Return a day and the one a week before, each with and without what bots did."""
    before = week_before(day)
    rows = []
    for suffix, label in ((WITHOUT_BOTS, _BOTS["without"]), ("", _BOTS["with"])):
        for of_days, hours, when in (
            (now, _hours(lake, day, suffix, None), ""),
            (then, _hours(lake, before, suffix, compared_until), ", a week before"),
        ):
            sums = [hours.of(name) for name in ("sessions_started", "purchases", "revenue")]
            shares = [of_days.get(f"conversion{suffix}"), hours.average_order]
            rows.append((f"{label}{when}", of_days.get(f"users{suffix}"), *sums, *shares))
    return Table(
        id="bots",
        title="With and without bots",
        about=(
            "Without bots is a visitor, or a session, with an event that is not flagged as a bot's; conversion is the "
            "part of sessions with such a purchase."
        ),
        columns=[
            Column(name="which", label="which events"),
            Column(name="visitors", label="visitors", kind=Kind.NUMBER),
            Column(name="sessions", label="sessions", kind=Kind.NUMBER),
            Column(name="purchases", label="purchases", kind=Kind.NUMBER),
            Column(name="revenue", label="revenue", kind=Kind.NUMBER, unit=Unit.MONEY),
            Column(name="conversion", label="conversion", kind=Kind.NUMBER, unit=Unit.PERCENT),
            Column(name="order", label="average order", kind=Kind.NUMBER, unit=Unit.MONEY),
        ],
        rows=rows,
        trust=trust,
    )


def _open_from(lake: Lake, state: DayState) -> datetime | None:
    """Return the first hour of an open day of which events may still land on time; None of a day that is over."""
    if not state.is_open:
        return None
    first, end = _bounds(state.day)
    landed = last_landing_hour(lake, state.day)
    return first if landed is None else min(max(landed + HOUR, first), end)


def _per_hour(day: date, these: _Hours, those: _Hours, trust: Trust, open_from: datetime | None) -> Series:
    instants = list(hours_of_day(day))
    now = Line(label="events", values=[these.hours.get(hour) for hour in instants])
    then = Line(label="a week before", values=[those.hours.get(hour - 7 * DAY) for hour in instants], dashed=True)
    return Series(
        id="hours",
        title="Events per hour",
        step="hour",
        instants=instants,
        lines=[now, then],
        provisional_from=open_from,
        trust=trust,
    )


def _names(
    lake: Lake, day: date, before: date, suffix: str, compared_until: datetime | None, trust: Trust
) -> Sequence[Panel]:
    now = _by_name(lake, day, suffix, None)
    then = _by_name(lake, before, suffix, compared_until)
    return [
        Bars(
            id="names",
            title="Events by name",
            about="Standard events, and others by the name that was sent.",
            bars=ranked_bars(now, then, shown=_NAMES_SHOWN),
            total=sum(now.values()),
            trust=trust,
        )
    ]


def _by_name(lake: Lake, day: date, suffix: str, until: datetime | None) -> Mapping[str, int]:
    rows = lake.rows(HOURLY_EVENT_COUNTS, ["event_hour", "event_name", f"events{suffix}"], day, day)
    found = lake.ask(
        f"""
        SELECT event_name, sum(events{suffix})::BIGINT AS events FROM counts
        WHERE event_hour >= ? AND event_hour < ? AND event_hour <= ? GROUP BY event_name HAVING events > 0
        """,  # noqa: S608 (a name of a declared column)
        [*_bounds(day), until or _bounds(day)[1]],
        counts=rows,
    )
    return dict(found)


def _sources(lake: Lake, day: date, before: date, state: DayState) -> Sequence[Panel]:
    now = _by_source(lake, day)
    if not now:
        if state.is_open:
            return ()
        return [information("no_sources", f"{day} has no sources yet.", remedy="aggregate_day writes them.")]
    then = _by_source(lake, before)
    return [
        Bars(
            id="sources",
            title="Sessions by source",
            about="The campaign's source of a session's first event, else the host that it came from; with bots.",
            bars=ranked_bars(now, then),
            total=sum(now.values()),
            trust=state.trust("Sessions"),
        )
    ]


def _by_source(lake: Lake, day: date) -> Mapping[str, int]:
    rows = lake.rows(DAILY_SOURCES, ["day", "source", "sessions"], day, day)
    sql = "SELECT source, sum(sessions)::BIGINT FROM sources WHERE day = ? GROUP BY source"
    return dict(lake.ask(sql, [day], sources=rows))
