"""Rules of the maintenance: the same rows in fewer files, nothing that somebody may still read, no run disturbed."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import Row, SparkSession

from contracts.ledger import EventRow
from contracts.partitions import HOUR
from contracts.tables import EVENT_LEDGER, RECEIVED_EVENTS, SCALING_DECISIONS, SESSIONS
from spark_jobs import run_maintain_tables
from spark_jobs.errors import RawStoreError
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake import retries
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import write_ledger
from spark_jobs.lake.retries import retrying
from spark_jobs.lake.revision import Revision
from spark_jobs.operations import maintain_tables
from spark_jobs.operations.maintain_tables import MaintenanceRules, TableMaintenance, maintain_table, table_figures
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.received_rows import Landing, ReceivedEvent, land
from tests.spark_jobs.table_rows import HOUR_TABLES, table_hashes, table_rows

pytestmark = pytest.mark.spark

#: Long before the day of the run, so that nothing is left alone as being worked on.
TEN = datetime(2021, 7, 12, 10, tzinfo=UTC)
HOURS = [TEN + number * HOUR for number in range(4)]
ANYWHERE = ("--raw-uri", "raw", "--warehouse-uri", "warehouse", "--database", "lake")


def rules(**more: object) -> MaintenanceRules:
    return replace(MaintenanceRules(now=datetime.now(UTC)), **more)  # type: ignore[arg-type]


def events(hour: datetime, *clicks: str) -> list[ReceivedEvent]:
    return [ReceivedEvent(event_time=hour + timedelta(minutes=5), click_id=click, user_id=click) for click in clicks]


def data_file(lake: Lake, name: str, *, age: timedelta) -> Path:
    """Leave a file that no snapshot names."""
    path = Path(lake.warehouse_uri) / lake.database / EVENT_LEDGER.name / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"left behind")
    then = (datetime.now(UTC) - age).timestamp()
    os.utime(path, (then, then))
    return path


def note(lake: Lake, hour: datetime) -> None:
    row = EventRow(event_hour=hour, input_version="v", received=1, clean=1, duplicates=0)
    write_ledger(Revision.of(lake, EVENT_LEDGER), EventRow, [row], [hour])


@pytest.fixture
def lake(lake_with_tables: Lake, spark: SparkSession) -> Lake:
    """Return a lake whose event ledger has a file for each hour of one day."""
    for hour in HOURS:
        note(lake_with_tables, hour)
    return lake_with_tables


def maintained(lake: Lake, **more: object) -> TableMaintenance:
    done = maintain_table(lake, EVENT_LEDGER, rules(**more))
    assert done is not None
    return done


def test_a_partition_of_many_small_files_becomes_one_file_of_the_same_rows(lake: Lake) -> None:
    rows = table_rows(lake, EVENT_LEDGER)
    done = maintained(lake)
    assert (done.before.data_files, done.after.data_files, done.compacted_files) == (len(HOURS), 1, len(HOURS))
    assert table_rows(lake, EVENT_LEDGER) == rows
    assert maintained(lake).compacted_files == 0


def test_a_partition_that_runs_work_on_now_is_left_alone(lake: Lake) -> None:
    assert maintained(lake, now=TEN + timedelta(hours=13)).compacted_files == 0


def test_a_compaction_is_no_change_to_a_run_that_began_before_it(lake: Lake) -> None:
    base = Revision.of(lake, EVENT_LEDGER)
    maintained(lake)
    write_ledger(base, EventRow, [], [TEN])
    assert [row[0] for row in table_rows(lake, EVENT_LEDGER)] == HOURS[1:]


def test_a_snapshot_is_kept_until_it_has_not_been_current_for_the_age(lake: Lake) -> None:
    """However old it is: a run that began just before the compaction reads what was current then."""
    before = lake.snapshot(EVENT_LEDGER)
    rows = table_rows(lake, EVENT_LEDGER)
    done = maintained(lake, now=datetime.now(UTC), snapshot_age=timedelta(0))
    assert done.compacted_files == len(HOURS)
    old = lake.spark.read.option("snapshot-id", str(before)).table(lake.name(EVENT_LEDGER))
    assert old.count() == len(rows)
    later = maintained(lake, snapshot_age=timedelta(0))
    assert (later.before.snapshots, later.after.snapshots) == (2, 1)
    assert table_rows(lake, EVENT_LEDGER) == rows


def test_files_that_no_snapshot_names_go_when_they_are_old(lake: Lake) -> None:
    old = data_file(lake, "old.parquet", age=timedelta(days=4))
    new = data_file(lake, "new.parquet", age=timedelta(days=2))
    rows = table_rows(lake, EVENT_LEDGER)
    assert maintained(lake).removed_orphans == 1
    assert (old.exists(), new.exists()) == (False, True)
    assert table_rows(lake, EVENT_LEDGER) == rows


class FileWentError(Py4JJavaError):  # type: ignore[misc]
    """What is raised of a file that goes while its folder is listed, or while it is read."""

    def __init__(self, text: str) -> None:
        self.java_exception = None
        self.text = text

    def __str__(self) -> str:
        return self.text


@pytest.mark.parametrize("procedure", ["rewrite_data_files", "remove_orphan_files"])
@pytest.mark.parametrize(
    "text",
    [
        "java.lang.RuntimeException: … ExitCodeException exitCode=2: ls: cannot access 'x': No such file",
        "An error occurred while calling o77.sql.\n: software.amazon.awssdk.services.s3.model.NoSuchKeyException: "
        "(Service: S3, Status Code: 404, Request ID: {number}, Extended Request ID: gkqGdYkz) (SDK Attempt Count: 1)",
        "org.apache.iceberg.exceptions.NotFoundException: Location does not exist: s3://lake/{number}-m0.avro",
    ],
)
def test_a_file_that_goes_in_the_middle_of_a_step_is_no_failure(
    procedure: str, text: str, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.0)
    note(lake, TEN)
    old = data_file(lake, "old.parquet", age=timedelta(days=4))
    call, failures = maintain_tables._call, [FileWentError(text.format(number=number)) for number in range(2)]

    def went(lake: Lake, called: str, **arguments: str) -> list[Row]:
        if called == procedure and failures:
            raise failures.pop()
        return call(lake, called, **arguments)

    monkeypatch.setattr(maintain_tables, "_call", went)
    maintain_table(lake, EVENT_LEDGER, rules())
    assert (failures, old.exists()) == ([], False)


def test_orphans_younger_than_a_day_are_refused_and_why_is_said() -> None:
    with pytest.raises(ValueError, match=r"orphan files of 23 hours may be a running job's.*use 24 hours or more"):
        MaintenanceRules(now=TEN, orphan_age=timedelta(hours=23))


def test_a_table_that_nothing_was_written_to_needs_nothing(lake: Lake) -> None:
    assert maintain_table(lake, SESSIONS, rules()) is None
    assert table_figures(lake, SESSIONS).data_files == 0


def test_all_tables_are_maintained_though_nobody_made_one_of_them_yet(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--raw-uri", lake.raw_uri, "--warehouse-uri", lake.warehouse_uri, "--database", lake.database]
    assert not lake.has(SCALING_DECISIONS)
    assert run_maintain_tables.main(where) == 0
    assert "event_ledger" in capsys.readouterr().out
    assert not lake.has(SCALING_DECISIONS)


def test_the_command_shows_figures_before_and_after(
    lake: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--raw-uri", lake.raw_uri, "--warehouse-uri", lake.warehouse_uri, "--database", lake.database]
    report = tmp_path / "report.json"
    chosen = ["--table", "event_ledger", "--table", "sessions"]
    assert run_maintain_tables.main([*where, *chosen, "--json", str(report)]) == 0
    (table,) = json.loads(report.read_text())["tables"]
    assert (table["table"], table["before"]["data_files"], table["after"]["data_files"]) == (
        "event_ledger",
        len(HOURS),
        1,
    )
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["table", "files", "MiB", "manifests", "snapshots", "compacted", "orphans"]
    assert shown[1].startswith(f"event_ledger  {len(HOURS)} → 1")


@pytest.mark.parametrize(
    "wrong",
    [
        ("--orphan-age-hours", "23"),
        ("--orphan-age-hours", "10000000000"),
        ("--snapshot-age-hours", "0"),
        ("--snapshot-age-hours", "10000000000"),
        ("--raw-retention-days", "1000000"),
        ("--target-file-mb", "10000000000"),
        ("--table", "clicks"),
        ("--json", "no such directory/report.json"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_refused_before_spark_starts(
    wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_maintain_tables.main([*ANYWHERE, *wrong])
    assert ended.value.code == 2
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert all(word in sentence for word in wrong)


def test_rejected_lines_that_can_not_be_expired_do_not_keep_the_tables_from_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(*_: object) -> NoReturn:
        raise RawStoreError("can't list s3://raw/")

    monkeypatch.setattr(run_maintain_tables, "expire_rejected", forbidden)
    where = ["--raw-uri", lake.raw_uri, "--warehouse-uri", lake.warehouse_uri, "--database", lake.database]
    assert run_maintain_tables.main([*where, "--table", "rejected_events", "--table", "event_ledger"]) == 1
    shown = capsys.readouterr()
    assert "maintain_tables: can't list s3://raw/" in shown.err
    assert f"event_ledger  {len(HOURS)} → 1" in shown.out


def test_a_table_that_can_not_be_read_does_not_keep_the_others_from_it(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    """A manifest is gone: compaction can't plan."""
    land(lake, [Landing(landing_hour=TEN)])
    metadata = Path(lake.warehouse_uri) / lake.database / EVENT_LEDGER.name / "metadata"
    for path in metadata.glob("*-m*.avro"):
        path.unlink()
    where = ["--raw-uri", lake.raw_uri, "--warehouse-uri", lake.warehouse_uri, "--database", lake.database]
    assert run_maintain_tables.main([*where, "--table", "event_ledger", "--table", "landing_ledger"]) == 1
    shown = capsys.readouterr()
    (sentence,) = [line for line in shown.err.splitlines() if line.startswith("maintain_tables:")]
    assert sentence.startswith("maintain_tables: event_ledger: ")
    assert sentence.endswith("its rows are what they were, run it again")
    assert "landing_ledger" in shown.out


@pytest.mark.slow
def test_maintenance_beside_transforms_and_aggregations_loses_and_doubles_nothing(
    spark: SparkSession, empty_tables: Lake, new_lake: NewLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, rebuilt = (copy_lake(empty_tables, new_lake()) for _ in range(2))
    monkeypatch.setattr(maintain_tables, "MIN_INPUT_FILES", 2)
    monkeypatch.setattr(maintain_tables, "MANY_MANIFESTS", 2)
    landings = [
        Landing(landing_hour=hour, version=f"v{turn}", events=events(hour, "a", f"click {turn}"))
        for turn in range(2)
        for hour in HOURS
    ]
    ended = threading.Event()

    def maintain() -> None:
        while not ended.is_set():
            for table in (RECEIVED_EVENTS, *HOUR_TABLES):
                maintain_table(lake, table, rules())

    def work() -> None:
        for landing in landings:
            retrying(partial(land, lake, [landing]))
            aggregate_hours(lake, [landing.landing_hour, landing.landing_hour + HOUR])

    with ThreadPoolExecutor(2) as threads:
        keeper, worker = threads.submit(maintain), threads.submit(work)
        wait([worker])
        ended.set()
    worker.result()
    keeper.result()
    land(rebuilt, landings[len(HOURS) :])
    aggregate_hours(rebuilt, HOURS)
    assert table_hashes(lake) == table_hashes(rebuilt)
