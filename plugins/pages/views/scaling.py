"""Decisions about a stream's shards → demand and capacity on one time line, each decision with its reason, the bill."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import quote

from contracts import stream_prices
from contracts.ledger import UNFINISHED
from contracts.partitions import DAY, HOUR, start_of_day
from contracts.tables import LANDING_LEDGER, SCALING_DECISIONS
from kinesis_scaling.aws_limits import SHARD_RECORDS_PER_SECOND, UPDATE_CALLS
from kinesis_scaling.decisions.explain import Interval, intervals_of, summary_of
from kinesis_scaling.decisions.record import DecisionRecord
from kinesis_scaling.scaling_decision import Action
from pages.lake.reader import Lake
from pages.panels import (
    Column,
    Figure,
    Figures,
    Kind,
    Line,
    Link,
    Mark,
    Number,
    Panel,
    Series,
    Table,
    Unit,
    View,
)
from pages.selection import Selection, choice_control, day_control, days_before, zone_control
from pages.views.notes import information, nothing

ID: Final = "scaling"
TITLE: Final = "Scaling"
SENTENCE: Final = "How many shards the stream has and needs, what was decided about it and why, and what it costs."

#: Points of the time line.
STEP: Final = timedelta(minutes=10)
#: So far back the last decision before a day is looked for: it says how many shards the day began with.
_LOOKED_BACK_AT: Final = 15
_ROWS_SHOWN: Final = 200
_GB: Final = 1024**3
_DAG: Final = "scale_event_stream"
_COLUMNS: Final = [column.name for column in SCALING_DECISIONS.columns]


@dataclass(frozen=True, kw_only=True)
class _Costs:
    """What the stream cost in the hours of a day so far, as it was, fixed at its most shards, and on demand."""

    hours: float
    scaled: float
    fixed: float
    most_shards: int
    on_demand: float | None


def view(lake: Lake, selection: Selection) -> View:
    """Return the decisions of a day about a stream."""
    day = selection.day(default=selection.today)
    records = _records(lake, days_before(day, _LOOKED_BACK_AT), day)
    streams = sorted({record.stream_name for record in records})
    stream = selection.choice("stream", streams, streams[0]) if streams else ""
    of_stream = [record for record in records if record.stream_name == stream]
    return View(
        id=ID,
        title=TITLE,
        sentence=SENTENCE,
        panels=_panels(lake, selection, day, of_stream, streams),
        as_of=max((record.last_decided_at for record in of_stream), default=selection.now),
        controls=(
            day_control(day),
            *([choice_control("stream", "Stream", stream, {each: each for each in streams})] if streams else []),
            zone_control(selection),
        ),
        refresh_seconds=60 if day >= selection.today else 0,
    )


def _records(lake: Lake, first: date, last: date) -> Sequence[DecisionRecord]:
    """Return the decisions of some days, in the order of time."""
    rows = lake.rows(SCALING_DECISIONS, _COLUMNS, first, last)
    found = lake.ask(
        f"SELECT {', '.join(_COLUMNS)} FROM decisions WHERE decided_at >= ? AND decided_at < ? ORDER BY decided_at",  # noqa: S608
        [start_of_day(first), start_of_day(last + DAY)],
        decisions=rows,
    )
    return [DecisionRecord.from_row(dict(zip(_COLUMNS, row, strict=True))) for row in found]


def _panels(
    lake: Lake, selection: Selection, day: date, records: Sequence[DecisionRecord], streams: Sequence[str]
) -> list[Panel]:
    start = start_of_day(day)
    # The hour that is open is shown up to now: the clock is known to the hour.
    end = min(start + DAY, selection.now + HOUR)
    of_day = [record for record in records if start <= record.decided_at < end]
    if not records:
        return [nothing(lake, SCALING_DECISIONS, selection, day, day)]
    intervals = [each for each in intervals_of(records, end) if each.end > start and each.start < end]
    # Lines are counted of the environment's own stream alone: with several, it is not known whose they are.
    lines = _lines_by_hour(lake, day) if len(streams) == 1 else []
    panels: list[Panel] = [_figures(records, of_day, intervals, start, end, lines)]
    if not of_day:
        panels.append(
            information("quiet", f"Nothing was decided on {day}: nothing was close to a bound of the policy.")
        )
    panels.append(_time_line(of_day, intervals, start, end, lines))
    if of_day:
        panels.append(_table(of_day))
    return panels


def _lines_by_hour(lake: Lake, day: date) -> Sequence[tuple[datetime, int]]:
    rows = lake.rows(LANDING_LEDGER, ["landing_hour", "lines", "input_version"], day, day)
    found = lake.ask(
        """
        SELECT landing_hour, lines FROM ledger
        WHERE landing_hour >= ? AND landing_hour < ? AND input_version <> ? ORDER BY landing_hour
        """,
        [start_of_day(day), start_of_day(day + DAY), UNFINISHED],
        ledger=rows,
    )
    return [(hour, lines) for hour, lines in found]


def _figures(
    records: Sequence[DecisionRecord],
    of_day: Sequence[DecisionRecord],
    intervals: Sequence[Interval],
    start: datetime,
    end: datetime,
    lines: Sequence[tuple[datetime, int]],
) -> Figures:
    summary = summary_of(records, end)
    costs = costs_of(intervals, start, end, sum(count for _, count in lines) if lines else None)
    throttled = [record.throttled_share for record in of_day]
    moves = sum(record.outcome == "done" for record in of_day)
    return Figures(
        id="totals",
        title=f"{start:%A} {start.date()}",
        about="Prices are list prices of us-east-1; what readers and longer retention cost is not counted.",
        figures=[
            Figure(label="Open shards", value=summary.last_shards),
            Figure(
                label="Calls left",
                value=UPDATE_CALLS - summary.calls_used,
                note=f"of {UPDATE_CALLS} UpdateShardCount in 24 hours, after the last decision",
            ),
            Figure(label="Moves made", value=moves),
            Figure(
                label="Most throttled",
                value=max(throttled) if throttled else None,
                unit=Unit.PERCENT,
                note="of the records of a minute, when something was decided",
            ),
            Figure(
                label="Cost as scaled",
                value=costs.scaled,
                unit=Unit.DOLLARS,
                note=f"of {costs.hours:.0f} hours",
            ),
            Figure(
                label="Fixed at the most",
                value=costs.fixed,
                unit=Unit.DOLLARS,
                note=f"{costs.most_shards} shards all the time",
            ),
            Figure(
                label="On demand",
                value=costs.on_demand,
                unit=Unit.DOLLARS,
                note="a record counts as 1 KB, read once"
                if costs.on_demand is not None
                else "the lines of the day are not known",
            ),
        ],
    )


def costs_of(intervals: Sequence[Interval], start: datetime, end: datetime, lines: int | None) -> _Costs:
    """Return what a stream cost from `start` to `end`: its shards by the hour, and a put for each line."""
    shard_hours, most = 0.0, 0
    known = timedelta(0)
    for interval in intervals:
        length = min(interval.end, end) - max(interval.start, start)
        shard_hours += interval.shards * (length / HOUR)
        known += length
        most = max(most, interval.shards)
    puts = (lines or 0) * stream_prices.PUT_UNIT
    gigabytes = (lines or 0) * stream_prices.ON_DEMAND_RECORD_BYTES / _GB
    hours = known / HOUR
    on_demand = hours * stream_prices.ON_DEMAND_STREAM_HOUR + gigabytes * (
        stream_prices.ON_DEMAND_GB_IN + stream_prices.ON_DEMAND_GB_OUT
    )
    return _Costs(
        hours=hours,
        scaled=shard_hours * stream_prices.SHARD_HOUR + puts,
        fixed=most * hours * stream_prices.SHARD_HOUR + puts,
        most_shards=most,
        on_demand=None if lines is None else on_demand,
    )


def _time_line(
    of_day: Sequence[DecisionRecord],
    intervals: Sequence[Interval],
    start: datetime,
    end: datetime,
    lines: Sequence[tuple[datetime, int]],
) -> Series:
    instants = [start + number * STEP for number in range((end - start) // STEP)]
    by_hour = {hour: count / 3600 / SHARD_RECORDS_PER_SECOND for hour, count in lines}
    demand: dict[datetime, float] = {}
    throttled: dict[datetime, float] = {}
    for record in of_day:
        at = start + (record.decided_at - start) // STEP * STEP
        if record.demand is not None:
            demand[at] = max(demand.get(at, 0.0), record.demand)
        throttled[at] = max(throttled.get(at, 0.0), record.throttled_share)
    return Series(
        id="time_line",
        title="Demand and capacity, in shards",
        about=(
            f"Capacity every {STEP // timedelta(minutes=1)} minutes; demand where something was decided, and of each "
            f"hour by its lines, {SHARD_RECORDS_PER_SECOND:,} a second filling a shard."
        ),
        step="minute",
        instants=instants,
        lines=[
            Line(label="open shards", values=[_shards_at(intervals, at) for at in instants], stepped=True),
            Line(label="demand when decided", values=[demand.get(at) for at in instants]),
            Line(
                label="records of the hour",
                values=[by_hour.get(at.replace(minute=0)) for at in instants],
                dashed=True,
            ),
            Line(
                label="throttled share",
                values=[throttled.get(at) for at in instants],
                unit=Unit.PERCENT,
                bad=True,
            ),
        ],
        marks=[
            Mark(at=record.decided_at, label=_move(record), detail=record.explanation)
            for record in of_day
            if record.action is not Action.HOLD
        ],
    )


def _shards_at(intervals: Sequence[Interval], at: datetime) -> Number:
    return next((each.shards for each in intervals if each.start <= at < each.end), None)


def _move(record: DecisionRecord) -> str:
    return f"{record.open_shards} → {record.target_shards} {record.action}"


def _table(of_day: Sequence[DecisionRecord]) -> Table:
    newest = list(reversed(of_day))
    number = Kind.NUMBER
    return Table(
        id="decisions",
        title="Decisions",
        columns=[
            Column(name="at", label="at", kind=Kind.TIME),
            Column(name="decision", label="decision"),
            Column(name="outcome", label="outcome"),
            Column(name="why", label="why"),
            Column(name="demand", label="demand, shards", kind=number),
            Column(name="throttled", label="throttled", kind=number, unit=Unit.PERCENT),
            Column(name="calls", label="calls left", kind=number),
            Column(name="dollars", label="an hour", kind=number, unit=Unit.DOLLARS),
            Column(name="run", label="run", kind=Kind.LINK),
        ],
        rows=[
            (
                record.decided_at,
                "hold" if record.action is Action.HOLD else _move(record),
                _outcome(record),
                record.explanation,
                record.demand,
                record.throttled_share,
                record.calls_left,
                record.dollars_per_hour,
                Link(text="runs", airflow=f"/dags/{_DAG}/runs?run_id_pattern={quote(record.decided_by)}"),
            )
            for record in newest[:_ROWS_SHOWN]
        ],
        shaded=[at for at, record in enumerate(newest[:_ROWS_SHOWN]) if record.outcome in ("refused", "failed")],
        cut=max(len(newest) - _ROWS_SHOWN, 0),
    )


def _outcome(record: DecisionRecord) -> str:
    times = f", {record.times} times" if record.times > 1 else ""
    said = f": {record.outcome_detail}" if record.outcome_detail else ""
    return f"{record.outcome}{times}{said}"
