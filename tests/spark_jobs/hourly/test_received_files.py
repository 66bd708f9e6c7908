"""Rules of which rows of which files are an event hour's, and when that is not to be known yet."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.ledger import LandedHour
from contracts.partitions import DAY, HOUR, day_number, day_of, ordinal
from contracts.tables import RECEIVED_EVENTS
from spark_jobs.hourly.received_files import local_hours, received_files
from spark_jobs.lake.arrow_types import table_schema
from spark_jobs.lake.data_files import FileTarget, written_files
from spark_jobs.lake.table_files import StoredFile
from tests.spark_jobs.received_rows import ReceivedEvent

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
LATER = TEN + 5 * HOUR
YESTERDAY = TEN - DAY


def file(landing_hour: datetime, rows: int, *, mixed_of: datetime | None = None, name: str = "a") -> StoredFile:
    day = day_number(day_of(mixed_of or landing_hour))
    partition = (str(ordinal(landing_hour)), "true" if mixed_of is None else "false", str(day))
    return StoredFile(location=f"{name} {partition}", rows=rows, partition=partition)


def landed(hour: datetime, received: dict[datetime, int]) -> LandedHour:
    return LandedHour(landing_hour=hour, input_version="v1", received_by_event_hour=received)


NOTED = [
    landed(TEN, {TEN: 9, TEN - HOUR: 1}),
    landed(LATER, {LATER: 8, TEN: 2, TEN + HOUR: 3, YESTERDAY: 4}),
]
STORED = [
    file(TEN, 9),
    file(TEN, 1, mixed_of=TEN),
    file(LATER, 8),
    file(LATER, 4, mixed_of=TEN),
    file(LATER, 1, mixed_of=TEN, name="of another task"),
    file(LATER, 4, mixed_of=YESTERDAY),
]


def test_an_hour_has_its_own_files_and_its_rows_of_the_mixed_ones() -> None:
    hours = {TEN - HOUR, TEN, TEN + HOUR, YESTERDAY}
    found = received_files(STORED, NOTED, hours)
    assert found.rows_of([*hours, LATER]) == {TEN - HOUR: 1, TEN: 11, TEN + HOUR: 3, YESTERDAY: 4, LATER: 8}
    assert found.unsettled == {}
    assert [one.location for one in found.files[ordinal(TEN)]] == [
        STORED[0].location,
        *(STORED[i].location for i in (3, 4)),
    ]
    assert [one.location for one in found.files[ordinal(YESTERDAY)]] == [STORED[5].location]


@pytest.mark.parametrize(
    ("stored", "noted", "unsettled"),
    [
        pytest.param(
            [*STORED, file(LATER, 1, mixed_of=TEN, name="more")], NOTED, True, id="rows that are not noted yet"
        ),
        pytest.param(STORED, NOTED[:1], True, id="a landing hour that is not noted yet"),
        pytest.param(STORED[:3], NOTED, True, id="noted rows that are in no file"),
        pytest.param([*STORED[:3], *STORED[3:5]], NOTED, False, id="no look at the files of another day"),
    ],
)
def test_hours_of_a_day_whose_mixed_files_are_not_as_noted_are_unsettled(
    stored: list[StoredFile], noted: list[LandedHour], *, unsettled: bool
) -> None:
    found = received_files(stored, noted, {TEN, TEN + HOUR, TEN + 2 * DAY})
    assert set(found.unsettled) == ({TEN, TEN + HOUR} if unsettled else set())


def test_local_files_have_the_rows_of_the_hours_that_are_asked_for_and_no_others(tmp_path: Path) -> None:
    events = [
        ReceivedEvent(event_time=hour + timedelta(minutes=minute), click_id=f"{hour:%H}{minute}")
        for hour in (TEN, TEN + HOUR, LATER)
        for minute in (1, 2)
    ]
    schema = table_schema(RECEIVED_EVENTS)
    columns = [list(column) for column in zip(*(event.row(LATER) for event in events), strict=True)]
    target = FileTarget(
        table="received_events", data=tmp_path.as_uri(), schema=schema, partitions=RECEIVED_EVENTS.partitions
    )
    own, mixed = sorted(
        written_files([pa.table(columns, schema=schema)], target), key=lambda file: file.partition[1], reverse=True
    )
    stored = [file(LATER, 2), replace(file(LATER, 4, mixed_of=TEN), location=mixed.location)]
    stored[0] = replace(stored[0], location=own.location)
    found = received_files(stored, [landed(LATER, {TEN: 2, TEN + HOUR: 2, LATER: 2})], {TEN, LATER})
    with local_hours(found.files) as paths:
        clicks = {hour: pq.read_table(path).column("click_id").to_pylist() for hour, (path,) in paths.items()}
    assert clicks == {ordinal(TEN): ["101", "102"], ordinal(LATER): ["151", "152"]}
