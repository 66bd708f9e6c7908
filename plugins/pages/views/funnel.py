"""Steps of a funnel → who reached them, where people stop, and how long it takes.

The shop's own funnel is read from `daily_funnel`. Steps that somebody chooses are looked for in the events.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, Final

from contracts.event import FUNNEL_EVENTS
from contracts.partitions import DAY, days_between, start_of_day
from contracts.tables import CLEAN_EVENTS, DAILY_FUNNEL, HOURLY_EVENT_COUNTS
from pages.lake.reader import Lake
from pages.panels import (
    Control,
    Figure,
    Figures,
    Funnel,
    Line,
    Option,
    Panel,
    Series,
    Step,
    Unit,
    View,
)
from pages.selection import Selection, choice_control, day_control, days_before, days_control, week_before
from pages.views.latest import latest_day
from pages.views.notes import information, nothing
from pages.views.own_funnel import DAYS, MOST_STEPS, OwnFunnel, steps_of
from pages.views.settled import state_of
from pages.views.written import holds_until

ID: Final = "funnel"
TITLE: Final = "Funnel"
SENTENCE: Final = "Which steps visitors reach on their way to a purchase, and how long they take."

_ORDERS: Final = {"in": "in this order", "any": "in any order"}
_DAYS_OF_TREND: Final = 28
_NAMES_OFFERED: Final = 40


def view(lake: Lake, selection: Selection) -> View:
    """Return the funnel of a day, or of steps and days that were chosen."""
    chosen = selection.steps("steps", at_most=MOST_STEPS)
    in_order = selection.choice("order", list(_ORDERS), "in") == "in"
    day = selection.day(default=latest_day(lake, DAILY_FUNNEL, selection))
    days = selection.days(DAYS, 1)
    panels = _own(lake, selection, day, days, chosen, in_order) if chosen else _daily(lake, selection, day, in_order)
    is_pending = any(panel.id == "computing" for panel in panels)
    return View(
        id=ID,
        title=TITLE,
        sentence=SENTENCE,
        panels=panels,
        as_of=holds_until(lake, CLEAN_EVENTS if chosen else DAILY_FUNNEL, selection, start_of_day(day + DAY)),
        controls=_controls(lake, day, days, chosen, in_order),
        refresh_seconds=1 if is_pending else 0,
    )


def _controls(lake: Lake, day: date, days: int, chosen: Sequence[str], in_order: bool) -> Sequence[Control]:
    order = choice_control("order", "Steps done", "in" if in_order else "any", _ORDERS)
    steps = Control(
        name="steps",
        label="Steps",
        kind="steps",
        value=",".join(name.replace(",", ",,") for name in chosen),
        options=[Option(value=name, label=name) for name in _names(lake, day)],
        hint=f"None chosen: {' → '.join(FUNNEL_EVENTS)}. Own ones, at most {MOST_STEPS}, are looked for in the events.",
    )
    return (day_control(day), order, steps, *([days_control(days, DAYS)] if chosen else []))


def _names(lake: Lake, day: date) -> Sequence[str]:
    rows = lake.rows(HOURLY_EVENT_COUNTS, ["event_hour", "event_name", "events"], day, day)
    found = lake.ask(
        """
        SELECT event_name FROM counts WHERE event_hour >= ? AND event_hour < ?
        GROUP BY event_name ORDER BY sum(events) DESC, event_name LIMIT ?
        """,
        [start_of_day(day), start_of_day(day + DAY), _NAMES_OFFERED],
        counts=rows,
    )
    return [name for (name,) in found]


def _daily(lake: Lake, selection: Selection, day: date, in_order: bool) -> list[Panel]:
    first = days_before(day, _DAYS_OF_TREND)
    column = "users_in_order" if in_order else "users_in_any_order"
    rows = lake.rows(DAILY_FUNNEL, ["day", "step", "event_name", column, "median_seconds"], first, day)
    found = lake.ask(
        f"SELECT day, event_name, {column}, median_seconds FROM funnel WHERE day >= ? AND day <= ? ORDER BY day, step",  # noqa: S608
        [first, day],
        funnel=rows,
    )
    by_day: dict[date, list[Step]] = {}
    for of_day, name, users, seconds in found:
        by_day.setdefault(of_day, []).append(
            Step(label=name, users=users, median_seconds=seconds if in_order else None)
        )
    if day not in by_day:
        return [nothing(lake, DAILY_FUNNEL, selection, day, day)]
    trust = state_of(lake, selection, day).trust("Users of a day")
    about = f"Users of {day} who did each step {'after all the earlier ones' if in_order else 'at all'}; with bots."
    return [
        Funnel(id="funnel", title=f"{day:%A} {day}", about=about, steps=by_day[day], in_order=in_order, trust=trust),
        _completed(by_day[day], by_day.get(week_before(day)), "a week before"),
        _trend(by_day, first, day),
    ]


def _completed(steps: Sequence[Step], before: Sequence[Step] | None, label: str) -> Figures:
    shares = [
        _figure(f"{after.label} after {step.label}", steps, before, at, at + 1, label)
        for at, (step, after) in enumerate(pairwise(steps))
    ]
    if len(steps) > 2:
        shares.append(_figure("All the way", steps, before, 0, len(steps) - 1, label))
    return Figures(id="shares", title="Who went on", about="Users of a step who did the next one.", figures=shares)


def _figure(
    title: str, steps: Sequence[Step], before: Sequence[Step] | None, start: int, end: int, label: str
) -> Figure:
    return Figure(
        label=title,
        value=_share(steps, start, end),
        before=_share(before, start, end) if before else None,
        before_label=label if before else "",
        unit=Unit.PERCENT,
        more_is_better=True,
    )


def _share(steps: Sequence[Step], start: int, end: int) -> float | None:
    return steps[end].users / steps[start].users if steps[start].users else None


def _trend(by_day: Mapping[date, Sequence[Step]], first: date, day: date) -> Series:
    days = list(days_between(first, day + DAY))

    def values(number: int) -> list[Any]:
        return [by_day[each][number].users if each in by_day else None for each in days]

    lines = [Line(label=name, values=values(number)) for number, name in enumerate(FUNNEL_EVENTS)]
    return Series(
        id="trend",
        title=f"{_DAYS_OF_TREND} days",
        about="Users of each day who reached a step.",
        step="day",
        instants=[start_of_day(each) for each in days],
        lines=lines,
    )


def _own(
    lake: Lake, selection: Selection, day: date, days: int, chosen: tuple[str, ...], in_order: bool
) -> list[Panel]:
    funnel = OwnFunnel(
        names=chosen,
        first=days_before(day, days),
        last=day,
        in_order=in_order,
        ids_per_site=lake.settings.ids_per_site,
    )
    steps = steps_of(lake, funnel)
    if steps is None:
        return [information("computing", "The events are being read; this page asks again by itself.")]
    if not steps:
        return [nothing(lake, CLEAN_EVENTS, selection, funnel.first, funnel.last)]
    span = f"{day}" if days == 1 else f"{funnel.first} to {day}"
    about = f"Users of {span} who did each step {'after all the earlier ones' if in_order else 'at all'}; with bots."
    return [
        Funnel(
            id="funnel",
            title="Own steps",
            about=about,
            steps=steps,
            in_order=in_order,
            trust=state_of(lake, selection, day).trust("Users"),
        ),
        *([_completed(steps, None, "")] if len(steps) > 1 else []),
    ]
