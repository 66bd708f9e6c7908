"""Many streams, packed into one lake → the jobs' tables of it, held against the specification's.

Drawing, laying down and running are apart, so that thousands of streams cost a few runs of Spark.
"""

import gzip
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.operations.stage_jobs import LATER_JOBS
from tests.spark_jobs.specification.comparison import (
    Difference,
    differences,
    specified_lake,
    specified_tables,
)
from tests.spark_jobs.specification.streams import Stream, packed, streams
from tests.specification.raw_lines import RawLine

#: Hypothesis draws many a stream again; so many draws give the streams that are wanted.
TRIES = 4
SETTLED = LandingRules(settled_before=datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, kw_only=True)
class PackedRun:
    """What a run compared, and what it found."""

    streams: int
    lines: int
    received: int
    rows: int
    differences: list[Difference]


def drawn_streams(count: int, *, number: int) -> list[Stream]:
    """Return streams, no two of them alike, and always the same ones for a number."""
    drawn: dict[tuple[str, ...], Stream] = {}

    @seed(number)
    @settings(
        max_examples=TRIES * count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def draw(data: st.DataObject) -> None:
        stream = data.draw(streams(len(drawn)))
        drawn.setdefault(stream.shape, stream)

    draw()
    return list(drawn.values())[:count]


def run_packed(lake: Lake, drawn: Sequence[Stream]) -> PackedRun:
    """Run the jobs over all streams at once, and compare every table."""
    lines = list(laid_down(packed(list(drawn)), lake))
    run_jobs(lake, lines)
    specified = specified_lake(lines, lake, is_crawler, currency=lake.events.currency)
    tables = specified_tables()
    return PackedRun(
        streams=len(drawn),
        lines=len(lines),
        received=len(specified.received_events),
        rows=sum(len(getattr(specified, table.name)) for table in tables),
        differences=differences(specified, lake, tables),
    )


def is_crawler(user_agent: str) -> bool:
    """Whether a user agent of the streams is the crawler's; the list of all crawlers is not specified here."""
    return "Googlebot" in user_agent


def laid_down(lines: Iterable[RawLine], lake: Lake) -> Iterable[RawLine]:
    """Write raw objects; return the lines with the keys that these have in the lake."""
    raw = Path(lake.raw_uri)
    objects: dict[str, list[bytes]] = {}
    for line in lines:
        objects.setdefault(line.object_key, []).append(line.line)
        yield replace(line, object_key=f"{raw.name}/{line.object_key}")
    for key, content in objects.items():
        path = raw / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in content), compresslevel=1))


def run_jobs(lake: Lake, lines: Iterable[RawLine]) -> None:
    """Make every table of the lines' lake."""
    ensure_tables(lake)
    transformed = transform_landing_hours(lake, {line.landing_hour for line in lines}, SETTLED)
    hours = {hour for row in transformed.written for hour in row.received_by_event_hour}
    aggregate_hours(lake, hours)
    run_later_jobs(lake, hours)


def run_later_jobs(lake: Lake, hours: Collection[datetime]) -> None:
    """Make the tables of the days of event hours, and of whatever is made from days."""
    for stage, job in LATER_JOBS.items():
        job(lake, {stage.at(hour) for hour in hours})
