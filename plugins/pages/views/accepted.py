"""What CloudWatch counted on a day → the stages of the flow before its lines, an hour each, and why they may differ.

Requests, records of the stream and lines are three units: a request has up to 500 events, and a record has all lines
of one visitor that follow each other in a request (docs/adr/020). So nothing balances between them; but as a record has
at least one line, fewer lines than records is what a loss would look like.
"""

from collections.abc import Sequence
from typing import Final

from contracts.partitions import DAY, start_of_day
from pages.lake.accepted import AcceptedDay
from pages.panels import Branch, Column, Kind, Panel, Stage, Table, Tone
from pages.views.hours import DayOfHours
from pages.views.notes import information

COUNTED_BEFORE: Final = "Requests and records by CloudWatch. "
_EMPTY: Final = "CloudWatch has no request and no record of the day."
_WHY_EMPTY: Final = (
    "Events that were not sent to this environment's API and stream (a file that was loaded, a simulated past) are "
    "counted from here on. CloudWatch keeps hours for 455 days; the local cloud's end with its process."
)


def stages_before(accepted: AcceptedDay | None, lines: int) -> Sequence[Stage]:
    """Return the stages before the one of the lines that arrived; none if CloudWatch has nothing."""
    if accepted is None:
        return ()
    requests, records = accepted.sum_of("requests"), accepted.sum_of("records")
    found = []
    if requests is not None:
        refused, failed = accepted.sum_of("refused") or 0, accepted.sum_of("failed") or 0
        passed = requests - refused - failed
        found.append(
            Stage(
                label="Requests to the API",
                count=requests,
                branches=[
                    Branch(label="refused (4xx)", count=refused, bad=refused > 0),
                    Branch(label="failed (5xx)", count=failed, bad=failed > 0),
                ],
                other_unit=_ratio(records, passed, "records", "request that was accepted")
                if records is not None
                else _ratio(lines, passed, "lines", "request that was accepted"),
            )
        )
    if records is not None:
        label, ratio = "Records in the stream", _ratio(lines, records, "lines", "record")
        found.append(Stage(label=label, count=records, other_unit=ratio))
    return found


def _ratio(after: int, before: int, what: str, each: str) -> str:
    return f"{after / before:,.2f} {what} for each {each}" if before else f"{what}, another unit"


def beside_the_flow(accepted: AcceptedDay | None, of_day: DayOfHours, *, is_over: bool) -> Sequence[Panel]:
    """Return the hours as CloudWatch counted them, or why there are none; and what would be a loss."""
    if accepted is None:
        return ()
    if accepted.problem:
        return [information("accepted_unknown", accepted.problem, remedy=accepted.remedy, tone=Tone.WARNING)]
    if not accepted.hours:
        return [information("accepted_empty", _EMPTY, remedy=_WHY_EMPTY, tone=Tone.EMPTY)]
    return [*_loss(accepted, of_day, is_over=is_over), _per_hour(accepted, of_day)]


def _loss(accepted: AcceptedDay, of_day: DayOfHours, *, is_over: bool) -> Sequence[Panel]:
    """Return that lines are missing, where that is certain: what came after the day's first hour landed on the day."""
    if not is_over or not all(landed.settled for landed in of_day.landed.values()):
        return ()
    first = start_of_day(of_day.day)
    records = sum(each.records or 0 for hour, each in accepted.hours.items() if hour > first)
    lines = of_day.sum_landed("lines")
    if records <= lines:
        return ()
    return [
        information(
            "accepted_lost",
            f"The stream accepted {records:,} records after the first hour of the day, and only {lines:,} lines "
            "arrived, though each record has at least one.",
            remedy="Look at the prefix errors/ of the raw bucket, at Firehose's log group, and at its alarms "
            "(docs/operations.md): records that Firehose has not read expire with the stream's retention.",
            tone=Tone.WARNING,
        )
    ]


def _per_hour(accepted: AcceptedDay, of_day: DayOfHours) -> Table:
    names = ("requests", "refused", "failed", "records")
    start = start_of_day(of_day.day)
    hours = sorted(hour for hour in {*accepted.hours, *of_day.landed} if start <= hour < start + DAY)
    rows = []
    for hour in hours:
        counted, landed = accepted.hours.get(hour), of_day.landed.get(hour)
        records, lines = counted.records if counted else None, landed.lines if landed else None
        rows.append(
            (
                hour,
                *(getattr(counted, name) if counted else None for name in names),
                lines,
                round(lines / records, 2) if lines is not None and records else None,
            )
        )
    return Table(
        id="accepted",
        title="What the API accepted, hour by hour",
        about=(
            "Requests and records as CloudWatch counts them, beside the landing hour's lines. They need not agree: "
            "a request has up to 500 events, a record the lines of one visitor, preflights are requests without any; "
            "an object belongs to the hour in which its oldest record came; and Firehose may deliver a record twice."
        ),
        columns=[
            Column(name="hour", label="hour", kind=Kind.HOUR),
            *(Column(name=name, label=name, kind=Kind.NUMBER) for name in names),
            Column(name="lines", label="lines", kind=Kind.NUMBER),
            Column(name="ratio", label="lines for each record", kind=Kind.NUMBER),
        ],
        rows=rows,
    )
