"""An hour that is cut into parts is what one task makes of it, row by row and count by count; and how hours are cut."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.event_settings import EventSettings
from contracts.mistaken_names import NAMES_LOOKED_AT
from contracts.partitions import ordinal
from contracts.rules import EVENTS_OF_A_TASK
from spark_jobs.hourly import cut_hours
from spark_jobs.hourly.computed_hours import hour_counts
from spark_jobs.hourly.cut_hours import CutHour, hour_cut, is_large
from spark_jobs.hourly.hour_queries import HOURLY
from spark_jobs.hourly.hour_task import COUNTS, HOUR_TABLES, TOP_NAMES, HourTask, hour_batches
from spark_jobs.lake import duckdb_tasks
from spark_jobs.lake.duckdb_tasks import BATCH_ROWS, StoredFiles, TaskResults, TaskShare
from spark_jobs.lake.table_files import StoredFile
from spark_jobs.lake.user_keys import UserKeys
from tests.spark_jobs.drawn_events import STREAM, Stream, drawn_events
from tests.spark_jobs.exchanged import Exchange
from tests.spark_jobs.hourly.test_hour_task import content, landed, target

SHARE = TaskShare(threads=1, megabytes=512)
#: In the place of `EVENTS_OF_A_TASK`; the most that an hour is computed from are fourteen.
LIMIT = 4


def hour_task(*, currency: str | None = None) -> HourTask:
    """Return how hours are computed; what for, and where files go to, is another matter."""
    return HourTask(
        batches=(),
        targets={},
        hourly=HOURLY,
        events_per_hour=3,
        events_at_once=1,
        settings=EventSettings(currency=currency),
        users=UserKeys(),
        share=SHARE,
    )


def whole(task: HourTask, directory: Path) -> TaskResults:
    exchange = Exchange(directory)
    for number in range(len(task.batches)):
        exchange.take(task.results(number))
    return exchange.results()


def in_parts(task: HourTask, hours: Iterable[int], files: StoredFiles, directory: Path, cores: int) -> TaskResults:
    """Run the steps of each hour as Spark would, and see that no task is sent what is not its part."""
    exchange = Exchange(directory)
    for hour in hours:
        cut = hour_cut(hour, files, cores=cores)
        hour_in_parts = CutHour(cut=cut, task=task, read_share=SHARE, part_share=SHARE, totals_share=SHARE)
        for number in range(len(cut.reads)):
            exchange.take(hour_in_parts.dealt_by_id(number))
        exchange.run(hour_in_parts.steps())
    return exchange.results()


def rows_by_table(results: TaskResults) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    """Return the rows of all files; a file's are in its table's order."""
    found = {}
    for table in HOUR_TABLES:
        files = [content(file.location) for file in results.files_of(table.name)]
        for rows in files:
            keys = [tuple(row[name] for name in table.sort) for row in rows]
            assert keys == sorted(keys)
        found[table.name] = sorted((tuple(row.values()) for rows in files for row in rows), key=repr)
    return found


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(
    stream=STREAM,
    cores=st.integers(1, 3),
    currency=st.sampled_from([None, "EUR"]),
)
def test_a_cut_hour_is_what_one_task_makes_of_it(stream: Stream, cores: int, currency: str | None) -> None:
    events = drawn_events([stream])
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut_hours, "EVENTS_OF_A_TASK", LIMIT)
        patch.setattr(cut_hours, "SMALLEST_BATCH", 1)
        patch.setattr(duckdb_tasks, "PARTS_ADDED_UP", 2)
        files = landed(events, Path(directory))
        hours = sorted({event.event_hour for event in events})
        task = replace(
            hour_task(currency=currency),
            batches=tuple(hour_batches(hours, files, cores=1)),
            targets={table: target(directory, table) for table in HOUR_TABLES},
        )
        expected = whole(task, Path(directory))
        made = in_parts(task, map(ordinal, hours), files, Path(directory), cores)
        assert rows_by_table(made) == rows_by_table(expected)
        assert hour_counts(made, task) == hour_counts(expected, task)


def test_the_most_frequent_names_of_all_parts_are_looked_at_and_no_others() -> None:
    """Each part returns its own most frequent ones; together they may be more than are looked at in an hour."""
    names = [{"hour": 1, "event_name": f"name {number:03}", "events": 10} for number in range(NAMES_LOOKED_AT)]
    rare = {"hour": 1, "event_name": "add-to-cart", "events": 9}
    frequent = {"hour": 2, "event_name": "add-to-cart", "events": 9}
    counts = [{"hour": hour, "clean": 9} for hour in (1, 2)]
    tables = {
        COUNTS: [pa.Table.from_pylist(counts)],
        TOP_NAMES: [pa.Table.from_pylist(names), pa.Table.from_pylist([rare, frequent])],
    }
    found = hour_counts(TaskResults(files=(), tables=tables), hour_task())
    assert {ordinal(hour): of_hour.mistaken_names for hour, of_hour in found.items()} == {1: {}, 2: {"add-to-cart": 9}}


FEW = StoredFile(location="few", rows=EVENTS_OF_A_TASK // 20)


def test_an_hour_is_large_by_all_events_that_it_is_computed_from() -> None:
    half = [StoredFile(location="half", rows=EVENTS_OF_A_TASK // 2)]
    assert not is_large(10, {9: half, 10: half})
    assert is_large(10, {9: half, 10: [*half, FEW]})
    assert is_large(10, {9: [*half, *half], 10: [FEW]})
    assert not is_large(10, {10: half, 11: [*half, *half]})


@pytest.mark.parametrize("cores", [1, 64, 1000])
@pytest.mark.parametrize("files_of_hour", [7, 400])
def test_every_file_is_read_once_and_no_task_takes_more_than_it_may(files_of_hour: int, cores: int) -> None:
    files = {
        hour: [replace(FEW, location=f"{hour} {number}") for number in range(files_of_hour)] for hour in (8, 9, 10)
    }
    cut = hour_cut(10, files, cores=cores)
    read = [(one.hour, file) for one in cut.reads for file in one.files]
    assert read == [(hour, file) for hour in (9, 10) for file in files[hour]]
    assert all(len(one.files) * FEW.rows <= 1.5 * BATCH_ROWS for one in cut.reads)
    rows = 2 * files_of_hour * FEW.rows
    assert rows / cut.parts <= EVENTS_OF_A_TASK
    assert cut.parts == -(-rows // EVENTS_OF_A_TASK) or cut.parts <= cores, "only idle cores are a reason for more"
    assert 16 * (cut.totals - 1) < cut.parts <= 16 * cut.totals
