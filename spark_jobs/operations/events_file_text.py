"""The tables of a file of events → text: the hours' totals, what senders do wrong, why most lines were rejected."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import duckdb
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.data_checks import SENDERS_MISTAKES
from contracts.partitions import key_text
from contracts.rejections import RejectionReason
from contracts.stages import STAGES
from contracts.tables import DATA_CHECKS, HOURLY_TRAFFIC, REJECTED_EVENTS
from spark_jobs.lake.filters import EVERYTHING
from spark_jobs.lake.lake import Lake

#: Of each end, if there are more than twice as many.
_SHOWN: Final = 12
_COUNTS: Final = ("events", "sessions_started", "searches", "views", "carts", "purchases", "revenue")
_HEADER: Final = ("hour (UTC)", *_COUNTS)


def hourly_totals(lake: Lake) -> str:
    """Return the table as text; users are left out, since they can't be summed over hours."""
    rows = sorted(lake.rows(HOURLY_TRAFFIC, EVERYTHING, "event_hour", *_COUNTS), key=itemgetter("event_hour"))
    if not rows:
        return "no event was received, so there is no hour to show"
    total = ["all", *(sum(row[name] for row in rows) for name in _COUNTS)]
    shown = rows if len(rows) <= 2 * _SHOWN else [*rows[:_SHOWN], None, *rows[-_SHOWN:]]
    return _table([_cells(row) for row in shown] + [[_cell(value) for value in total]])


def _cells(row: Mapping[str, Any] | None) -> list[str]:
    return ["…"] * len(_HEADER) if row is None else [_cell(value) for value in row.values()]


def _cell(value: object) -> str:
    match value:
        case str():
            return value
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:,}"


def _table(rows: list[list[str]]) -> str:
    """Return rows under the header, first column to the left, the others to the right, the last row set off."""
    table = [list(_HEADER), *rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(_HEADER))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table]
    rule = "─" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


#: Of each check that did not hold, how often that was, and what it found where it found the most.
_NOT_PASSED: Final = """
SELECT stage, check_name, count(*) AS times, make_timestamp(epoch_us(arg_max(checked_from, observed))) AS worst,
       max(observed) AS observed, any_value(expected) AS expected, arg_max(detail, observed) AS detail
FROM read_parquet(?, hive_partitioning = false) WHERE NOT passed GROUP BY stage, check_name
"""


def mistakes(exported: Path) -> Iterator[str]:
    """Yield a sentence on each of `SENDERS_MISTAKES` that did not hold, by the exported `data_checks`."""
    with duckdb.connect() as connection:
        rows = connection.execute(_NOT_PASSED, [str(exported / DATA_CHECKS.name / "*.parquet")]).fetchall()
    found = {(stage, name): figures for stage, name, *figures in rows}
    for stage in STAGES:
        for check in stage.checks:
            if check.name in SENDERS_MISTAKES and (stage.name, check.name) in found:
                times, worst, observed, expected, detail = found[stage.name, check.name]
                key = key_text(stage.key_of(worst.replace(tzinfo=UTC)))
                yield (
                    f"{check.name} in {times:,} {stage.title}{'s' if times > 1 else ''}, most of all in {key}: "
                    f"{observed:g}, expected {expected} ({detail}). {check.sentence}"
                )


_SEEMS: Final = {
    RejectionReason.NOT_JSON: "text, or JSON that is broken",
    RejectionReason.NOT_AN_ENVELOPE: "JSON of something else than events",
    RejectionReason.TOO_LATE: "envelopes whose events are far older than their `received_at`",
    RejectionReason.FROM_THE_FUTURE: "envelopes whose events are younger than their `received_at`",
}
_REASONS: Final = {reason.value: reason for reason in RejectionReason}


def rejection_hint(lake: Lake, rejected: Mapping[str, int]) -> str:
    """Return what lines seem to be that were rejected, `rejected` times by reason, most of them for the first."""
    rows = lake.read(REJECTED_EVENTS).groupBy("rejection_reason").agg(F.min("detail").alias("detail"))
    examples = {row.rejection_reason: row.detail for row in rows.collect()}
    lines = [
        f"  {reason} {count:,}: {_REASONS[reason].sentence} For example: {examples[reason]}"
        for reason, count in rejected.items()
    ]
    seems = _SEEMS.get(_REASONS[next(iter(rejected))], "events of another shape than docs/event.md")
    return "\n".join([f"most of it seems to be {seems}; wanted is one event or envelope per line. By reason:", *lines])
