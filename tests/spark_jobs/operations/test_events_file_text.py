"""What a person is told of the data checks of a file of events."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.data_checks import SENDERS_MISTAKES, Severity
from contracts.partitions import HOUR
from contracts.stages import STAGES
from contracts.tables import DATA_CHECKS
from spark_jobs.lake.arrow_types import table_schema
from spark_jobs.operations.events_file_text import mistakes

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def row(name: str, observed: float | None, *, hour: datetime = TEN, stage: str = "event_hour") -> dict[str, object]:
    return {
        "checked_from": hour,
        "stage": stage,
        "check_name": name,
        "severity": "warn",
        "passed": not observed,
        "observed": observed,
        "expected": "at most 0",
        "detail": f"{observed} of 9",
        "input_version": "v",
    }


def told(tmp_path: Path, *rows: dict[str, object]) -> list[str]:
    directory = tmp_path / DATA_CHECKS.name
    directory.mkdir()
    pq.write_table(pa.Table.from_pylist(list(rows), table_schema(DATA_CHECKS)), directory / "rows.parquet")
    return list(mistakes(tmp_path))


def test_a_senders_mistake_is_told_once_with_where_it_is_worst_and_the_stages_in_order(tmp_path: Path) -> None:
    hours, day = told(
        tmp_path,
        row("repeated_click_ids", 1, stage="day"),
        row("copies_that_differ", 2),
        row("copies_that_differ", 3, hour=TEN + HOUR),
        row("copies_that_differ", 1, hour=TEN + 2 * HOUR),
        row("copies_that_differ", 0, hour=TEN + 3 * HOUR),
    )
    most = "copies_that_differ in 3 event hours, most of all in 2026-11-22T11: 3, expected at most 0 (3 of 9)."
    assert hours.startswith(f"{most} Events left out as copies ")
    assert day.startswith("repeated_click_ids in 1 day, most of all in 2026-11-22: 1, expected at most 0 (1 of 9). ")


def test_what_holds_or_is_nobodys_mistake_is_not_told(tmp_path: Path) -> None:
    others = (row("null_share_price", 1, stage="landing_hour"), row("events_of_usual", 9))
    assert told(tmp_path, row("bot_share", None), row("names_like_standard", 0), *others) == []


def test_mistakes_are_checks_that_warn() -> None:
    declared = {check.name: check.severity for stage in STAGES for check in stage.checks}
    assert {declared[name] for name in SENDERS_MISTAKES} == {Severity.WARN}
