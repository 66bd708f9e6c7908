"""Rejected lines of some days → why, when, what they look like, and how to have them tried again."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Final

from contracts.partitions import DAY, HOUR, day_of, days_between, hour_key, hour_of_ordinal, hours_of_day, start_of_day
from contracts.rejections import RejectionReason
from contracts.tables import LANDING_LEDGER, REJECTED_EVENTS
from pages.lake.iceberg import DataFile
from pages.lake.reader import Lake
from pages.panels import (
    Bars,
    Column,
    Figure,
    Figures,
    Kind,
    Line,
    Link,
    Note,
    Offer,
    Panel,
    Sample,
    Samples,
    Series,
    Table,
    Tone,
    Unit,
    View,
)
from pages.selection import (
    Selection,
    choice_control,
    day_control,
    days_before,
    days_control,
    zone_control,
)
from pages.views.hours import Landed, landed_between
from pages.views.masked_line import field_of, pieces_of
from pages.views.notes import information, nothing
from pages.views.ranking import ranked_bars
from pages.views.written import holds_until

ID: Final = "rejected"
TITLE: Final = "Rejected"
SENTENCE: Final = "Lines that are no events: why, how many, and what they look like."

_DAYS: Final = (1, 7, 28)
_ANY: Final = "any"
_SAMPLES_SHOWN: Final = 20
_SAMPLES_OF_A_REASON: Final = 5
#: Files that are read for samples, the newest hours first, and the lines after which no further one is.
_FILES_LOOKED_AT: Final = 6
_LOOKED_AT: Final = 2_000
_REASONS: Final[Mapping[str, str]] = {reason.value: reason.sentence for reason in RejectionReason}


def view(lake: Lake, selection: Selection) -> View:
    """Return the rejected lines of some days."""
    day = selection.day(default=selection.today)
    days = selection.days(_DAYS, 1)
    reason = selection.choice("reason", [_ANY, *_REASONS], _ANY)
    first = days_before(day, days)
    landed = landed_between(lake, first, day)
    return View(
        id=ID,
        title=TITLE,
        sentence=SENTENCE,
        panels=_panels(lake, selection, landed, first, day, reason),
        as_of=holds_until(lake, LANDING_LEDGER, selection, landed[-1].hour + HOUR) if landed else selection.now,
        controls=(
            day_control(day),
            days_control(days, _DAYS),
            choice_control("reason", "Reason", reason, {_ANY: "any", **{name: name for name in _REASONS}}),
            zone_control(selection),
        ),
        refresh_seconds=60 if day >= selection.today else 0,
    )


def _panels(
    lake: Lake, selection: Selection, landed: Sequence[Landed], first: date, day: date, reason: str
) -> list[Panel]:
    if not landed:
        return [nothing(lake, LANDING_LEDGER, selection, first, day)]
    reasons: Counter[str] = Counter()
    for each in landed:
        reasons.update(each.by_reason)
    if not reasons:
        lines = sum(each.lines for each in landed)
        return [information("none", f"None of {lines:,} lines was rejected.", tone=Tone.EMPTY)]
    chosen = {reason: reasons[reason]} if reason != _ANY else dict(reasons)
    return [
        _figures(landed, chosen),
        Bars(
            id="reasons",
            title="By reason",
            about="A line is rejected for the first reason that applies.",
            bars=ranked_bars(chosen, shown=len(_REASONS)),
            total=sum(chosen.values()),
        ),
        _over_time(landed, first, day, chosen),
        _explained(chosen),
        *_samples(lake, landed, reason),
        _replay(landed, chosen),
    ]


def _figures(landed: Sequence[Landed], chosen: Mapping[str, int]) -> Figures:
    lines = sum(each.lines for each in landed)
    return Figures(
        id="totals",
        title="Rejected",
        figures=[
            Figure(label="Rejected lines", value=sum(chosen.values()), more_is_better=False),
            Figure(label="Of all lines", value=sum(chosen.values()) / lines if lines else None, unit=Unit.PERCENT),
            Figure(label="Unreadable objects", value=sum(each.unreadable_objects for each in landed)),
        ],
    )


def _over_time(landed: Sequence[Landed], first: date, day: date, chosen: Mapping[str, int]) -> Series:
    by_hour = first == day
    instants = list(hours_of_day(day)) if by_hour else [start_of_day(each) for each in days_between(first, day + DAY)]
    sums: dict[tuple[datetime, str], int] = Counter()
    known: set[datetime] = set()
    for each in landed:
        at = each.hour if by_hour else start_of_day(day_of(each.hour))
        known.add(at)
        for name in chosen:
            sums[at, name] += each.by_reason.get(name, 0)
    return Series(
        id="time",
        title="By hour" if by_hour else "By day",
        about="By the hour in which the lines arrived.",
        step="hour" if by_hour else "day",
        instants=instants,
        lines=[
            Line(label=name, values=[sums[at, name] if at in known else None for at in instants], bad=True)
            for name in sorted(chosen, key=lambda name: (-chosen[name], name))
        ],
        stacked=True,
        provisional_from=next((each.hour for each in landed if not each.settled), None),
    )


def _explained(chosen: Mapping[str, int]) -> Table:
    return Table(
        id="meaning",
        title="What the reasons mean",
        columns=[
            Column(name="reason", label="reason", kind=Kind.VERDICT),
            Column(name="lines", label="lines", kind=Kind.NUMBER),
            Column(name="meaning", label="meaning"),
        ],
        rows=[
            (name, lines, _REASONS.get(name, "A reason of an older contract.").replace("`", ""))
            for name, lines in sorted(chosen.items(), key=lambda pair: (-pair[1], pair[0]))
        ],
    )


def _samples(lake: Lake, landed: Sequence[Landed], reason: str) -> Sequence[Panel]:
    lines = {each.hour: each.rejected if reason == _ANY else each.by_reason.get(reason, 0) for each in reversed(landed)}
    if not any(lines.values()) or not lake.has(REJECTED_EVENTS):
        return ()
    return [
        Samples(
            id="samples",
            title="Samples",
            about="Each letter is x and each digit 9, but for fields' names and the value that was wrong.",
            samples=_newest_samples(lake, lines, reason),
        )
    ]


def _newest_samples(lake: Lake, lines: Mapping[datetime, int], reason: str) -> Sequence[Sample]:
    """Return samples of the newest hours, no more of one reason than leave room for the others.

    `lines` is how many lines each hour has of what is meant, the newest hour first.
    """
    each_reason = _SAMPLES_SHOWN if reason != _ANY else _SAMPLES_OF_A_REASON
    one_of = None if reason == _ANY else ("rejection_reason", [reason])
    files = list(islice(_newest_files(lake, lines), _FILES_LOOKED_AT))
    columns = ["rejection_reason", "detail", "line", "received_at", "landing_hour"]
    newest = """
        SELECT * FROM found
        QUALIFY row_number() OVER (
            PARTITION BY rejection_reason ORDER BY landing_hour DESC, received_at DESC NULLS LAST
        ) <= ?
        ORDER BY landing_hour DESC, received_at DESC NULLS LAST LIMIT ?
    """
    found = lake.matching(REJECTED_EVENTS, files, columns, one_of)
    return [_sample(row) for row in lake.ask(newest, [each_reason, _SAMPLES_SHOWN], found=found)]


def _newest_files(lake: Lake, lines: Mapping[datetime, int]) -> Iterator[DataFile]:
    """Yield the files of the hours that have lines, and none once those before have lines enough."""
    seen = 0
    for day in dict.fromkeys(day_of(hour) for hour, count in lines.items() if count):
        for file in sorted(lake.files(REJECTED_EVENTS, day, day), key=lambda file: -file.number):
            if seen >= _LOOKED_AT:
                return
            if count := lines.get(hour_of_ordinal(file.number), 0):
                seen += min(count, file.rows)
                yield file


def _sample(row: Sequence[object]) -> Sample:
    reason, detail, line, received_at, landing_hour = row
    field = field_of(str(detail))
    at = received_at or landing_hour
    assert isinstance(at, datetime)
    return Sample(
        reason=str(reason),
        field=field,
        received_at=at,
        pieces=pieces_of(line, field) if isinstance(line, bytes) else (),
    )


def _replay(landed: Sequence[Landed], chosen: Mapping[str, int]) -> Note:
    """Return how to have the lines tried again: by a click, or by what to fill into Airflow's form."""
    hours = [each.hour for each in landed if any(name in each.by_reason for name in chosen)]
    first, last = hour_key(hours[0]), hour_key(hours[-1])
    only = list(chosen) if len(chosen) == 1 else []
    reasons = f", reasons {only[0]}" if only else ""
    return Note(
        id="replay",
        title="Try them again",
        tone=Tone.INFO,
        sentence="When a rule that was too strict is repaired, these lines are read again from the raw objects.",
        remedy=(
            f"A run of replay_rejected with from {first}, to {last}{reasons} counts how many would be accepted now, "
            "and changes nothing before a person has approved that. Who starts it needs the right to edit its runs."
        ),
        offer=Offer(
            text="Count them, and ask", dag="replay_rejected", conf={"from": first, "to": last, "reasons": only}
        ),
        link=Link(text="Open replay_rejected", airflow="/dags/replay_rejected"),
    )
