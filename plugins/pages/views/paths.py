"""Transitions of a day's sessions → what comes after an event, and what came before it.

All rows of the day are counted: what is not shown by name is one bar, so that what is shown adds up to all of them.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from contracts.partitions import DAY, start_of_day
from contracts.rules import PATH_STEPS
from contracts.tables import DAILY_TRANSITIONS
from contracts.tables.daily import OTHER_EVENTS, SESSION_END, SESSION_START
from pages.lake.reader import Lake
from pages.panels import Bars, Column, Kind, Link, Panel, Table, Trust, Unit, View
from pages.selection import Selection, choice_control, day_control
from pages.views.latest import latest_day
from pages.views.notes import nothing
from pages.views.ranking import ranked_bars
from pages.views.settled import state_of
from pages.views.written import holds_until

ID: Final = "paths"
TITLE: Final = "Paths"
SENTENCE: Final = "What visitors do next, from the start of a session to its end."

_ANY_STEP: Final = "any"
_ROWS_SHOWN: Final = 50
_WORDS: Final = {
    SESSION_START: "the session starts",
    SESSION_END: "the session ends",
    OTHER_EVENTS: "any other event",
}


def view(lake: Lake, selection: Selection) -> View:
    """Return what came before and after an event on a day."""
    day = selection.day(default=latest_day(lake, DAILY_TRANSITIONS, selection))
    steps = [_ANY_STEP, *(str(step) for step in range(1, PATH_STEPS + 2))]
    step = selection.choice("step", steps, _ANY_STEP)
    names = _names(lake, day)
    event = selection.text("event", SESSION_START)
    if names:
        selection.choice("event", list(names), SESSION_START)
    panels = _panels(lake, selection, day, event, None if step == _ANY_STEP else int(step)) if names else []
    return View(
        id=ID,
        title=TITLE,
        sentence=SENTENCE,
        panels=panels or [nothing(lake, DAILY_TRANSITIONS, selection, day, day)],
        as_of=holds_until(lake, DAILY_TRANSITIONS, selection, start_of_day(day + DAY)),
        controls=(
            day_control(day),
            choice_control("event", "Event", event, {name: _word(name) for name in names or [event]}),
            choice_control("step", "Step", step, {each: _step_word(each) for each in steps}, "A place in the session."),
        ),
    )


def _word(name: str) -> str:
    return _WORDS.get(name, name)


def _step_word(step: str) -> str:
    if step == _ANY_STEP:
        return "any"
    return f"{step} and later" if int(step) > PATH_STEPS else step


def _names(lake: Lake, day: date) -> list[str]:
    """Return the names of a day, those that the most transitions lead from or to first, the start before all."""
    rows = lake.rows(DAILY_TRANSITIONS, ["day", "from_event", "to_event", "transitions"], day, day)
    found = lake.ask(
        """
        SELECT name FROM (
            SELECT from_event AS name, transitions FROM transitions WHERE day = $1
            UNION ALL SELECT to_event, transitions FROM transitions WHERE day = $1
        ) GROUP BY name ORDER BY name = $2 DESC, sum(transitions) DESC, name
        """,
        [day, SESSION_START],
        transitions=rows,
    )
    return [name for (name,) in found]


def _panels(lake: Lake, selection: Selection, day: date, event: str, step: int | None) -> list[Panel]:
    trust = state_of(lake, selection, day).trust("Sessions")
    after = _neighbours(lake, day, event, step, "from_event", "to_event")
    before = _neighbours(lake, day, event, step, "to_event", "from_event")
    where = "" if step is None else f" at step {_step_word(str(step))}"
    panels: list[Panel] = []
    if event != SESSION_END:
        panels.append(_bars("after", f"After {_word(event)}{where}", after, day, trust))
    if event != SESSION_START:
        panels.append(_bars("before", f"Before {_word(event)}{where}", before, day, trust))
    panels.append(_all(lake, day, step, trust))
    return panels


def _neighbours(lake: Lake, day: date, event: str, step: int | None, of: str, other: str) -> Mapping[str, int]:
    rows = lake.rows(DAILY_TRANSITIONS, ["day", "step", "from_event", "to_event", "transitions"], day, day)
    found = lake.ask(
        f"""
        SELECT {other}, sum(transitions)::BIGINT FROM transitions
        WHERE day = ? AND {of} = ? AND (? IS NULL OR step = ?) GROUP BY {other}
        """,  # noqa: S608 (names of columns)
        [day, event, step, step],
        transitions=rows,
    )
    return dict(found)


def _bars(id_: str, title: str, counts: Mapping[str, int], day: date, trust: Trust) -> Bars:
    def link(name: str) -> Link:
        return Link(text=_word(name), view=ID, query={"day": str(day), "event": name})

    return Bars(
        id=id_,
        title=title,
        about="Transitions: an event of a session, and the next one; with bots.",
        bars=ranked_bars(counts, link=link, label=_word),
        total=sum(counts.values()),
        trust=trust,
    )


def _all(lake: Lake, day: date, step: int | None, trust: Trust) -> Table:
    names = ["day", "step", "from_event", "to_event", "sessions", "transitions"]
    rows = lake.rows(DAILY_TRANSITIONS, names, day, day)
    found = lake.ask(
        """
        SELECT from_event, to_event, sum(transitions)::BIGINT AS times,
               sum(transitions)::BIGINT / sum(sum(transitions)) OVER () AS share
        FROM transitions WHERE day = ? AND (? IS NULL OR step = ?)
        GROUP BY from_event, to_event ORDER BY times DESC, from_event, to_event
        """,
        [day, step, step],
        transitions=rows,
    )
    shown = [(_word(start), _word(end), times, float(share)) for start, end, times, share in found]
    rest = shown[_ROWS_SHOWN:]
    if rest:
        others = ("all others", f"{len(rest)} pairs", sum(row[2] for row in rest), sum(row[3] for row in rest))
        shown = [*shown[:_ROWS_SHOWN], others]
    return Table(
        id="all",
        title="All transitions" if step is None else f"All transitions at step {_step_word(str(step))}",
        about="The rows add up to all of the day's.",
        columns=[
            Column(name="from", label="from"),
            Column(name="to", label="to"),
            Column(name="transitions", label="transitions", kind=Kind.NUMBER),
            Column(name="share", label="share", kind=Kind.NUMBER, unit=Unit.PERCENT),
        ],
        rows=shown,
        trust=trust,
    )
