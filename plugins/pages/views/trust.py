"""Ledgers and data checks of a day → where each event went, and what does not add up."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from contracts.partitions import DAY, HOUR, hour_key, start_of_day
from contracts.stages import EVENT_HOURS, LANDING_HOURS
from contracts.tables import DATA_CHECKS, LANDING_LEDGER
from pages.lake.accepted import AcceptedDay
from pages.lake.reader import Lake
from pages.panels import (
    Branch,
    Column,
    Figure,
    Figures,
    Flow,
    Kind,
    Link,
    Panel,
    Stage,
    Table,
    Trust,
    Unit,
    View,
)
from pages.selection import Selection, day_control, zone_control
from pages.views.accepted import COUNTED_BEFORE, beside_the_flow, stages_before
from pages.views.hours import DayOfHours, hours_of
from pages.views.new_keys import new_keys
from pages.views.notes import information, nothing
from pages.views.run_key import chosen_day, chosen_hour, run_note
from pages.views.written import holds_until

ID: Final = "trust"
TITLE: Final = "Trust"
SENTENCE: Final = "What was accepted, and where each line went that arrived: counted, a copy, or rejected, and why."

_CHECKS_SHOWN: Final = 200
_OK, _WAITING, _BROKEN = "ok", "warning", "broken"


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """A data check that did not hold, of the version that the ledger has now."""

    start: datetime
    stage: str
    name: str
    severity: str
    observed: float | None
    expected: str
    detail: str


def view(lake: Lake, selection: Selection) -> View:
    """Return the ledger of a day."""
    day = chosen_day(selection, default=selection.today)
    of_day = hours_of(lake, day, selection.today)
    checks = _failed_checks(lake, day, of_day)
    panels: list[Panel] = list(run_note(selection))
    if of_day.hours:
        panels += _panels(lake, of_day, checks, selection)
    else:
        panels.append(nothing(lake, LANDING_LEDGER, selection, day, day))
    is_pending = any(panel.id == "computing" for panel in panels)
    return View(
        id=ID,
        title=TITLE,
        sentence=SENTENCE,
        panels=panels,
        as_of=holds_until(lake, LANDING_LEDGER, selection, of_day.hours[-1] + HOUR) if of_day.hours else selection.now,
        controls=(day_control(day), zone_control(selection)),
        refresh_seconds=1 if is_pending else 60 if day >= selection.today else 0,
    )


def _panels(lake: Lake, of_day: DayOfHours, checks: Sequence[_Checked], selection: Selection) -> list[Panel]:
    accepted = lake.accepted(of_day.day)
    arrived, happened = _arrived(of_day, accepted), _happened(of_day)
    trust = _verdict(of_day, (arrived, happened), checks)
    return [
        _figures(of_day, checks, trust),
        arrived,
        happened,
        _per_hour(of_day, selection),
        *beside_the_flow(accepted, of_day, is_over=of_day.day < selection.today),
        _checks_table(checks),
        *_late(of_day),
        *_unread(of_day),
        *new_keys(lake, of_day.day),
    ]


def _verdict(of_day: DayOfHours, flows: Sequence[Flow], checks: Sequence[_Checked]) -> Trust:
    unbalanced = [hour for hour in of_day.hours if _state(of_day, hour) == _BROKEN]
    stopping = [check for check in checks if check.severity == "fail"]
    if unbalanced or any(missing for flow in flows for missing in flow.missing):
        named = ", ".join(hour_key(hour) for hour in unbalanced[:3]) or "the sums of the day"
        return Trust(state="broken", sentence=f"It does not add up: {named}.")
    if stopping:
        return Trust(state="broken", sentence=f"{len(stopping)} data checks failed; what depends on them is held back.")
    waiting = sum(of_day.waiting(hour) for hour in of_day.hours)
    if waiting or any(not landed.settled for landed in of_day.landed.values()):
        return Trust(state="provisional", sentence=f"All adds up; {waiting:,} events wait to be counted.")
    return Trust(state="settled", sentence="All adds up: every line is counted, a copy, or rejected with a reason.")


def _figures(of_day: DayOfHours, checks: Sequence[_Checked], trust: Trust) -> Figures:
    lines, rejected = of_day.sum_landed("lines"), of_day.sum_landed("rejected")
    received = sum(counted.received for counted in of_day.counted.values())
    copies = sum(counted.duplicates for counted in of_day.counted.values())
    return Figures(
        id="totals",
        title=f"{of_day.day:%A} {of_day.day}",
        trust=trust,
        figures=[
            Figure(label="Lines arrived", value=lines),
            Figure(label="Rejected", value=rejected / lines if lines else None, unit=Unit.PERCENT),
            Figure(label="Copies left out", value=copies / received if received else None, unit=Unit.PERCENT),
            Figure(label="Late", value=of_day.sum_landed("late"), note="arrived more than an hour after they happened"),
            Figure(label="Waiting", value=sum(of_day.waiting(hour) for hour in of_day.hours)),
            Figure(label="Data checks that failed", value=sum(check.severity == "fail" for check in checks)),
            Figure(label="Data checks that warn", value=sum(check.severity != "fail" for check in checks)),
        ],
    )


def _arrived(of_day: DayOfHours, accepted: AcceptedDay | None) -> Flow:
    """Return what was accepted on the day, and what became of the lines that landed on it."""
    reasons: Counter[str] = Counter()
    for landed in of_day.landed.values():
        reasons.update(landed.by_reason)
    elsewhere = of_day.sum_landed("of_other_days")
    lines, received = of_day.sum_landed("lines"), of_day.sum_landed("received")
    before = stages_before(accepted, lines)
    own = sum(
        events
        for landed in of_day.landed.values()
        for key, events in landed.by_event_hour.items()
        if key.startswith(f"{of_day.day}T")
    )
    rejected = Link(text="Rejected lines", view="rejected", query={"day": str(of_day.day), "days": "1"})
    return Flow(
        id="arrived",
        title="What arrived on the day",
        about=f"{COUNTED_BEFORE if before else ''}Lines of the raw objects of its landing hours, by `landing_ledger`.",
        stages=[
            *before,
            Stage(
                label="Lines arrived",
                count=lines,
                branches=[
                    Branch(label=f"rejected: {reason}", count=count, bad=True, link=rejected)
                    for reason, count in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
                ],
            ),
            Stage(label="Received", count=received, branches=[Branch(label="of other days", count=elsewhere)]),
            Stage(label="Of the day itself", count=own),
        ],
    )


def _happened(of_day: DayOfHours) -> Flow:
    """Return what became of the events that happened on the day, whenever they arrived."""
    counted = of_day.counted.values()
    clean = sum(each.clean for each in counted)
    events = sum(each.events or 0 for each in counted)
    people = sum(each.people or 0 for each in counted)
    # What is counted beyond what came is no branch: the flow shows that it is too much.
    waiting = sum(max(of_day.waiting(hour), 0) for hour in of_day.hours)
    return Flow(
        id="happened",
        title="What happened on the day",
        about="Events of its event hours, whenever they arrived, by `event_ledger` and `hourly_traffic`.",
        stages=[
            Stage(
                label="Received for its hours",
                count=sum(of_day.fed.values()),
                branches=[Branch(label="wait to be counted", count=waiting)] if waiting else [],
            ),
            Stage(
                label="Counted",
                count=sum(each.received for each in counted),
                branches=[Branch(label="copies left out", count=sum(each.duplicates for each in counted))],
            ),
            Stage(label="Events, each once", count=clean),
            Stage(label="In hourly tables", count=events, branches=[Branch(label="bots", count=events - people)]),
            Stage(label="Without bots", count=people),
        ],
    )


def _state(of_day: DayOfHours, hour: datetime) -> str:
    landed, counted = of_day.landed.get(hour), of_day.counted.get(hour)
    unbalanced = (landed and not landed.balances) or (counted and not counted.balances)
    failed = (landed.failed_checks if landed else 0) + (counted.failed_checks if counted else 0)
    if unbalanced or failed or of_day.waiting(hour) < 0:
        return _BROKEN
    if of_day.waiting(hour) or (landed and not landed.settled):
        return _WAITING
    return _OK


def _per_hour(of_day: DayOfHours, selection: Selection) -> Table:
    number = Kind.NUMBER
    names = ("lines", "rejected", "received", "late")
    rows = []
    chosen = chosen_hour(selection)
    for hour in of_day.hours:
        landed, counted = of_day.landed.get(hour), of_day.counted.get(hour)
        rows.append(
            (
                hour,
                _state(of_day, hour),
                *(getattr(landed, name) if landed else None for name in names),
                of_day.fed.get(hour),
                of_day.waiting(hour),
                counted.duplicates if counted else None,
                counted.clean if counted else None,
                counted.clean - counted.people if counted and counted.people is not None else None,
                _runs("transform_events", hour),
                _runs("aggregate_hour", hour),
            )
        )
    return Table(
        id="hours",
        title="Hour by hour",
        about="Left, what arrived in the hour; right, what happened in it, whenever it arrived.",
        columns=[
            Column(name="hour", label="hour", kind=Kind.HOUR),
            Column(name="state", label="state", kind=Kind.STATE),
            *(Column(name=name, label=name, kind=number) for name in names),
            Column(name="fed", label="for the hour", kind=number),
            Column(name="waiting", label="waiting", kind=number),
            Column(name="copies", label="copies", kind=number),
            Column(name="events", label="events", kind=number),
            Column(name="bots", label="bots", kind=number),
            Column(name="landing_run", label="arrival", kind=Kind.LINK),
            Column(name="event_run", label="counting", kind=Kind.LINK),
        ],
        rows=rows,
        shaded=[at for at, hour in enumerate(of_day.hours) if _state(of_day, hour) == _BROKEN or hour == chosen],
    )


def _runs(dag: str, hour: datetime) -> Link:
    """Return the list of the runs that wrote an hour: the ledger has its version, and Airflow its runs by partition."""
    return Link(text="runs", airflow=f"/dags/{dag}/runs?partition_key_pattern={hour_key(hour)}")


def _failed_checks(lake: Lake, day: date, of_day: DayOfHours) -> Sequence[_Checked]:
    rows = lake.rows(DATA_CHECKS, [column.name for column in DATA_CHECKS.columns], day, day)
    found = lake.ask(
        """
        SELECT checked_from, stage, check_name, severity, observed, expected, detail, input_version FROM checks
        WHERE NOT passed AND checked_from >= ? AND checked_from < ? ORDER BY severity, checked_from, stage, check_name
        """,
        [start_of_day(day), start_of_day(day) + DAY],
        checks=rows,
    )
    versions = {
        LANDING_HOURS.name: {hour: each.version for hour, each in of_day.landed.items()},
        EVENT_HOURS.name: {hour: each.version for hour, each in of_day.counted.items()},
    }
    return [
        _Checked(
            start=start,
            stage=stage,
            name=name,
            severity=severity,
            observed=observed,
            expected=expected,
            detail=detail,
        )
        for start, stage, name, severity, observed, expected, detail, version in found
        # A result of another version is of an earlier run, and says nothing of what is there now.
        if stage not in versions or versions[stage].get(start) == version
    ]


def _checks_table(checks: Sequence[_Checked]) -> Panel:
    if not checks:
        return information("checks", "Every data check of the day held.")
    return Table(
        id="checks",
        title="Data checks that did not hold",
        about="One of severity fail holds back what would be written from the hour; docs/data-checks.md explains each.",
        columns=[
            Column(name="from", label="hour or day", kind=Kind.TIME),
            Column(name="stage", label="of"),
            Column(name="check", label="check"),
            Column(name="severity", label="severity"),
            Column(name="observed", label="observed"),
            Column(name="expected", label="expected"),
            Column(name="detail", label="found"),
        ],
        rows=[
            (
                check.start,
                check.stage.replace("_", " "),
                check.name,
                check.severity,
                "" if check.observed is None else f"{check.observed:g}",
                check.expected,
                check.detail,
            )
            for check in checks[:_CHECKS_SHOWN]
        ],
        shaded=[at for at, check in enumerate(checks[:_CHECKS_SHOWN]) if check.severity == "fail"],
        cut=max(len(checks) - _CHECKS_SHOWN, 0),
    )


def _late(of_day: DayOfHours) -> Sequence[Panel]:
    """Return the hours that got events after they were over, in landing hours of the day."""
    late: Counter[str] = Counter()
    for landed in of_day.landed.values():
        own = hour_key(landed.hour - HOUR)
        late.update({key: events for key, events in landed.by_event_hour.items() if key < own})
    if not late:
        return ()
    return [
        Table(
            id="late",
            title="Hours that got late events on the day",
            about="Each is written again: a recent one at once, an older one once enough came (docs/operations.md).",
            columns=[
                Column(name="hour", label="event hour"),
                Column(name="events", label="late events", kind=Kind.NUMBER),
                Column(name="runs", label="counting", kind=Kind.LINK),
            ],
            rows=[
                (key, events, Link(text="runs", airflow=f"/dags/aggregate_hour/runs?partition_key_pattern={key}"))
                for key, events in sorted(late.items(), reverse=True)
            ],
        )
    ]


def _unread(of_day: DayOfHours) -> Sequence[Panel]:
    unread: Counter[str] = Counter()
    for landed in of_day.landed.values():
        unread.update(landed.unread_by_field)
    if not unread:
        return ()
    return [
        Table(
            id="unread",
            title="Fields whose values could not be read",
            about="The events count; the value is null, and stays in `extra`.",
            columns=[
                Column(name="field", label="field"),
                Column(name="events", label="events", kind=Kind.NUMBER),
            ],
            rows=sorted(unread.items(), key=lambda pair: (-pair[1], pair[0])),
        )
    ]
