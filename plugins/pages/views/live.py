"""The live document → the last hour of arrivals, minute by minute, and beside it what the ledger says of settled hours.

What is shown here is provisional: it is what the raw objects that are listed so far have. Once a landing hour is
settled the sum of its minutes is what `landing_ledger` says, and the two stand side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from contracts.ledger import UNFINISHED
from contracts.live_document import LandingHourTotals, LiveDocument
from contracts.live_document import Series as LiveSeries
from contracts.partitions import HOUR
from contracts.tables import LANDING_LEDGER
from pages.lake.reader import Lake
from pages.panels import (
    Column,
    Figure,
    Figures,
    Kind,
    Line,
    Note,
    Panel,
    Series,
    Table,
    Tone,
    Trust,
    Unit,
    View,
)
from pages.selection import Selection, zone_control
from pages.views.notes import information

ID: Final = "live"
TITLE: Final = "Live"
SENTENCE: Final = (
    "What arrived in the last hour, as far as it is known: the numbers of settled hours are in the tables."
)

_MINUTE: Final = timedelta(minutes=1)
_NAMES_SHOWN: Final = 8
#: The settled hours that stand beside the live ones.
_HOURS_BESIDE: Final = 4
_SLOWEST_REFRESH: Final = 30


@dataclass(frozen=True, kw_only=True)
class _Settled:
    """What the ledger says of a landing hour."""

    settled: bool
    lines: int
    received: int
    rejected: int


def view(lake: Lake, selection: Selection) -> View:
    """Return what is live."""
    document = lake.live()
    panels = _panels(lake, document, selection) if document else [_not_there()]
    interval = document.interval if document else 10.0
    return View(
        id=ID,
        title=TITLE,
        sentence=SENTENCE,
        panels=panels,
        as_of=document.written_at if document else selection.now,
        controls=(zone_control(selection),),
        refresh_seconds=min(max(round(interval), 2), _SLOWEST_REFRESH),
        provisional=True,
        currency=lake.settings.currency or "",
    )


def _not_there() -> Note:
    return Note(
        id="nothing",
        title="Nothing is live",
        tone=Tone.EMPTY,
        sentence="No live document was published yet.",
        remedy="Start the live service: python -m live (the demo and docker-compose start it).",
    )


def _panels(lake: Lake, document: LiveDocument, selection: Selection) -> list[Panel]:
    minutes = [document.first_minute + number * _MINUTE for number in range(len(document.all_names.events))]
    trust = _trust(document)
    return [
        *_exactness(document),
        _figures(document, trust),
        _by_name(document, minutes, trust),
        *_rejections(document, minutes),
        _lines(document),
        *_unreadable(document),
        _beside(lake, document, selection),
    ]


def _trust(document: LiveDocument) -> Trust:
    unread = document.freshness.unread_objects
    if unread:
        return Trust(state="provisional", sentence=f"{unread:,} objects are listed and not read yet.")
    return Trust(state="provisional", sentence="Every object that is listed is read; more may come.")


def _exactness(document: LiveDocument) -> Sequence[Panel]:
    if document.sampling.is_exact:
        return ()
    one_in = max(document.sampling.users_one_in, document.sampling.copies_one_in)
    return [
        information(
            "sampled",
            f"Users and copies are estimates of one id in {one_in:,}: so many come in a minute. All else is counted.",
        )
    ]


def _figures(document: LiveDocument, trust: Trust) -> Figures:
    total = document.all_names
    rejected = sum(sum(each.lines) for each in document.rejections)
    received = sum(total.events)
    estimate = "" if document.sampling.is_exact else "an estimate"
    fresh = document.freshness
    return Figures(
        id="totals",
        title="The last 60 minutes",
        about="By the minute of arrival; bots and copies are counted.",
        trust=trust,
        figures=[
            Figure(label="Behind", value=fresh.behind, unit=Unit.SECONDS, note=_behind(document)),
            Figure(label="Events", value=received),
            Figure(label="In the last full minute", value=total.events[-2] if len(total.events) > 1 else None),
            Figure(label="Users, busiest minute", value=max(total.users, default=None), note=estimate),
            Figure(label="Purchases", value=sum(total.purchases)),
            Figure(label="Revenue", value=sum(total.revenue), unit=Unit.MONEY),
            Figure(
                label="Rejected",
                value=rejected / (rejected + received) if rejected + received else None,
                unit=Unit.PERCENT,
            ),
            Figure(label="Bots", value=sum(total.bots) / received if received else None, unit=Unit.PERCENT),
            Figure(label="Copies", value=sum(total.copies), note=estimate),
        ],
    )


def _behind(document: LiveDocument) -> str:
    fresh = document.freshness
    parts = (("delivering", fresh.delivering), ("reading", fresh.reading), ("waiting", fresh.waiting))
    return " + ".join(f"{seconds:.0f} s {name}" for name, seconds in parts if seconds is not None)


def _by_name(document: LiveDocument, minutes: Sequence[datetime], trust: Trust) -> Series:
    shown = document.names[:_NAMES_SHOWN]
    rest = [each.series for each in document.names[_NAMES_SHOWN:]] + ([document.others] if document.others else [])
    lines = [Line(label=each.event_name, values=each.series.events) for each in shown]
    if rest:
        lines.append(Line(label="all others", values=_sums(rest, len(minutes))))
    return Series(
        id="names",
        title="Events by name",
        about="A minute is one of arrival at the API.",
        step="minute",
        instants=minutes,
        lines=lines,
        stacked=True,
        provisional_from=document.first_minute,
        trust=trust,
    )


def _sums(several: Sequence[LiveSeries], minutes: int) -> Sequence[int]:
    return [sum(series.events[at] for series in several) for at in range(minutes)]


def _rejections(document: LiveDocument, minutes: Sequence[datetime]) -> Sequence[Panel]:
    if not document.rejections:
        return [information("none_rejected", "No line was rejected in these minutes.")]
    return [
        Series(
            id="rejections",
            title="Rejected lines by reason",
            step="minute",
            instants=minutes,
            lines=[Line(label=each.reason, values=each.lines, bad=True) for each in document.rejections],
            stacked=True,
            provisional_from=document.first_minute,
        )
    ]


def _lines(document: LiveDocument) -> Table:
    return Table(
        id="lines",
        title="The last lines",
        about="Is my event arriving? Addresses are truncated; of a rejected line only its shape is shown.",
        columns=[
            Column(name="received_at", label="arrived", kind=Kind.TIME),
            Column(name="verdict", label="verdict", kind=Kind.VERDICT),
            Column(name="event_name", label="event"),
            Column(name="user_id", label="user"),
            Column(name="click_id", label="click id"),
            Column(name="address", label="network"),
            Column(name="field", label="field"),
            Column(name="detail", label="what was wrong"),
            Column(name="excerpt", label="line"),
        ],
        rows=[
            (
                line.received_at,
                line.verdict,
                line.event_name,
                line.user_id,
                line.click_id,
                line.address,
                line.field,
                line.detail,
                line.excerpt,
            )
            for line in document.lines
        ],
        filter_label="Lines that contain",
    )


def _unreadable(document: LiveDocument) -> Sequence[Panel]:
    if not document.unreadable:
        return ()
    return [
        Table(
            id="unreadable",
            title="Objects that could not be read",
            columns=[
                Column(name="key", label="object"),
                Column(name="error", label="why"),
                Column(name="tries", label="tries", kind=Kind.NUMBER),
            ],
            rows=[(each.key, each.error, each.tries) for each in document.unreadable],
            shaded=list(range(len(document.unreadable))),
        )
    ]


def _beside(lake: Lake, document: LiveDocument, selection: Selection) -> Table:
    """Return the landing hours, newest first: their live sums beside what the ledger says of them."""
    live = {each.landing_hour: each for each in document.landing_hours}
    newest = max([*live, selection.now])
    hours = sorted({*live, *(newest - back * HOUR for back in range(1, _HOURS_BESIDE + 1))}, reverse=True)
    settled = _ledger(lake, hours[-1].date(), hours[0].date())
    number = Kind.NUMBER
    names = ("lines", "received", "rejected")
    return Table(
        id="hours",
        title="Landing hours: live beside the ledger",
        about="Once an hour is settled and read, the two are the same.",
        columns=[
            Column(name="hour", label="landing hour", kind=Kind.HOUR),
            Column(name="state", label="state", kind=Kind.STATE),
            Column(name="is", label="is"),
            *(Column(name=f"live_{name}", label=f"{name}, live", kind=number) for name in names),
            *(Column(name=f"ledger_{name}", label=f"{name}, ledger", kind=number) for name in names),
        ],
        rows=[_row(hour, live.get(hour), settled.get(hour)) for hour in hours],
        shaded=[at for at, hour in enumerate(hours) if _state(live.get(hour), settled.get(hour)) == "broken"],
    )


def _row(hour: datetime, live: LandingHourTotals | None, settled: _Settled | None) -> Sequence[Any]:
    names = ("lines", "received", "rejected")
    return (
        hour,
        _state(live, settled),
        _word(live, settled),
        *(getattr(live, name) if live else None for name in names),
        *(getattr(settled, name) if settled else None for name in names),
    )


def _state(live: LandingHourTotals | None, settled: _Settled | None) -> str:
    """Return whether both say the same, as far as they say something final."""
    if not live or not live.complete or not settled or not settled.settled:
        return "ok" if settled and settled.settled else "warning"
    same = (live.lines, live.received, live.rejected) == (settled.lines, settled.received, settled.rejected)
    return "ok" if same else "broken"


def _word(live: LandingHourTotals | None, settled: _Settled | None) -> str:
    if settled and settled.settled:
        return "settled and in the tables"
    if live and live.complete:
        return "settled, not in the tables yet"
    return str(live.state.value) if live else "not in the tables yet"


def _ledger(lake: Lake, first: date, last: date) -> Mapping[datetime, _Settled]:
    names = ["landing_hour", "settled", "lines", "received", "rejected", "input_version"]
    found = lake.ask(
        "SELECT landing_hour, settled, lines, received, rejected FROM ledger WHERE input_version <> ?",
        [UNFINISHED],
        ledger=lake.rows(LANDING_LEDGER, names, first, last),
    )
    return {
        hour: _Settled(settled=settled, lines=lines, received=received, rejected=rejected)
        for hour, settled, lines, received, rejected in found
    }
