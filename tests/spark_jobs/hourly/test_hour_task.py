"""Batches of event hours, made as a task makes them but without Spark, are what the reference says."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.event_settings import EventSettings
from contracts.ledger import LandedHour
from contracts.partitions import day_number, hour_of, ordinal
from contracts.stages import EVENT_HOURS
from contracts.tables import (
    CLEAN_EVENTS,
    HOURLY_EVENT_COUNTS,
    HOURLY_PRODUCT_STATS,
    HOURLY_TRAFFIC,
    RECEIVED_EVENTS,
    Table,
)
from spark_jobs.hourly.hour_queries import HOURLY
from spark_jobs.hourly.hour_task import COUNTS, HOUR_TABLES, MISTAKEN_NAMES, PURCHASES, HourTask, hour_batches
from spark_jobs.hourly.received_files import received_files
from spark_jobs.lake import duckdb_tasks
from spark_jobs.lake.arrow_types import table_schema
from spark_jobs.lake.data_files import DataFile, FileTarget, written_files
from spark_jobs.lake.duckdb_tasks import StoredFiles, TaskShare
from spark_jobs.lake.table_files import StoredFile
from spark_jobs.lake.user_keys import ONE_FOR_ALL_SITES
from tests.spark_jobs.drawn_events import STREAM, Stream, drawn_events
from tests.spark_jobs.received_rows import ReceivedEvent
from tests.spark_jobs.reference_tables import reference_tables, winners

Results = dict[str, list[dict[str, Any]]]


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(
    streams=st.lists(STREAM, max_size=8),
    dice=st.randoms(use_true_random=False),
    cores=st.integers(1, 4),
    currency=st.sampled_from([None, "EUR"]),
)
def test_batches_of_any_hours_are_what_the_reference_says(
    streams: list[Stream], dice: random.Random, cores: int, currency: str | None
) -> None:
    events = drawn_events(streams)
    expected = reference_tables(events, 3, 1, currency)
    hours = sorted({event.event_hour for event in events})
    dice.shuffle(hours)
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb_tasks, "SMALLEST_BATCH", 3)
        patch.setattr(duckdb_tasks, "FILES_IN_ROWS", 0)
        files = landed(events, Path(directory))
        made: Results = defaultdict(list)
        for part in (hours[::2], hours[1::2]):
            for kind, rows in results(
                HourTask(
                    batches=tuple(hour_batches(part, files, cores=cores)),
                    targets={table: target(directory, table) for table in HOUR_TABLES},
                    hourly=HOURLY,
                    events_per_hour=3,
                    events_at_once=1,
                    settings=EventSettings(currency=currency),
                    users=ONE_FOR_ALL_SITES,
                    share=TaskShare(threads=1, megabytes=512),
                )
            ):
                made[kind] += rows
    keys = ("event_time", "user_id", "click_id", "bot_reasons")
    clean = made[CLEAN_EVENTS.name]
    assert (
        sorted(((*(row[key] for key in keys[:3]), tuple(row["bot_reasons"])) for row in clean), key=repr)
        == expected.clean_events
    )
    assert all(row["is_bot"] == bool({*row["bot_reasons"]} - {"no_user_agent"}) for row in clean)
    assert in_order(made[HOURLY_EVENT_COUNTS.name]) == expected.hourly_event_counts
    assert in_order(made[HOURLY_TRAFFIC.name]) == expected.hourly_traffic
    assert in_order(made[HOURLY_PRODUCT_STATS.name]) == expected.hourly_product_stats
    counted = {
        row["hour"]: tuple(
            row[name] for name in ("clean", "duplicates", "of_hour_before", "differing", "of_other_users")
        )
        for row in made[COUNTS]
    }
    assert counted == counts(events)
    assert {row["hour"]: (row["bots"], row["of_machines"]) for row in made[COUNTS]} == bots(expected.clean_events)
    mistaken = {(row["hour"], row["event_name"]): row["events"] for row in made[MISTAKEN_NAMES]}
    assert mistaken == Counter(
        (ordinal(event.event_hour), event.event_name) for event in winners(events) if event.event_name == "add-to-cart"
    )
    assert {(row["hour"], row["currency"]): row["purchases"] for row in made[PURCHASES]} == Counter(
        (ordinal(event.event_hour), event.currency)
        for event in winners(events)
        if event.event_name == "Purchase" and event.price is not None
    )


def bots(clean: list[tuple[datetime, str, str, tuple[str, ...]]]) -> dict[int, tuple[int, int]]:
    """Return, for each hour, the events of bots, and those of users that do too much."""
    found: dict[int, tuple[int, int]] = {}
    for time, _, _, reasons in clean:
        of_bots, of_machines = found.get(ordinal(hour_of(time)), (0, 0))
        is_machine = bool({"rate", "instant"} & {*reasons})
        is_bot = is_machine or "crawler_user_agent" in reasons
        found[ordinal(hour_of(time))] = (of_bots + is_bot, of_machines + is_machine)
    return found


def counts(events: list[ReceivedEvent]) -> dict[int, tuple[int, int, int, int, int]]:
    """Return, for each hour, its events, the copies left out, and the events whose id the hour before has as well.

    Then the copies that differ from the event that was kept, and those of them that another user caused.
    """
    clean = winners(events)
    kept = {(event.event_hour, event.click_id): event for event in clean}
    seen = {(ordinal(event.event_hour), event.click_id) for event in clean}
    found = {}
    for hour in {hour for hour, _ in seen}:
        ids = {event.click_id for event in clean if ordinal(event.event_hour) == hour}
        received = sum(ordinal(event.event_hour) == hour for event in events)
        again = sum((hour - 1, click_id) in seen for click_id in ids)
        pairs = [
            (event, kept[event.event_hour, event.click_id]) for event in events if ordinal(event.event_hour) == hour
        ]
        differing = sum(
            (one.user_id, one.event_name, one.price) != (other.user_id, other.event_name, other.price)
            for one, other in pairs
        )
        of_other_users = sum(one.user_id != other.user_id for one, other in pairs)
        found[hour] = (len(ids), received - len(ids), again, differing, of_other_users)
    return found


def landed(events: list[ReceivedEvent], directory: Path) -> StoredFiles:
    """Write the events as job 1 would, each landing hour by itself; return the files of each event hour."""
    to = target(str(directory), RECEIVED_EVENTS)
    by_landing_hour = defaultdict(list)
    for event in events:
        by_landing_hour[hour_of(event.arrival)].append(event)
    stored, noted = [], []
    for hour, own in by_landing_hour.items():
        columns = list(zip(*(event.row(hour) for event in own), strict=True))
        for file in written_files([pa.table([list(column) for column in columns], schema=to.schema)], to):
            landing_hour, in_landing_hour, day = file.partition
            partition = (landing_hour, in_landing_hour, str(day_number(date.fromisoformat(day))))
            stored.append(StoredFile(location=file.location, rows=file.rows, partition=partition))
        fed = Counter(event.event_hour for event in own)
        noted.append(LandedHour(landing_hour=hour, input_version="v1", received_by_event_hour=fed))
    hours = {read for event in events for read in EVENT_HOURS.read_by(event.event_hour)}
    received = received_files(stored, noted, hours)
    assert received.unsettled == {}
    assert received.rows_of(hours) == {hour: sum(event.event_hour == hour for event in events) for hour in hours}
    return received.files


def target(directory: str, table: Table) -> FileTarget:
    data = f"file://{directory}/{table.name}"
    return FileTarget(table=table.name, data=data, schema=table_schema(table), partitions=table.partitions)


def content(location: str) -> list[dict[str, Any]]:
    return list(pq.ParquetFile(location.removeprefix("file://")).read().to_pylist())


def results(task: HourTask) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield what the task's batches return, and the rows of its files under their table's name."""
    for number in range(len(task.batches)):
        for result in task.results(number):
            if isinstance(result, DataFile):
                yield result.table, content(result.location)
            else:
                yield result[0], result[1].to_pylist()


def in_order(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.values()) for row in rows), key=repr)
