"""Rules of dealing event hours out to tasks."""

from datetime import timedelta

from contracts.partitions import hour_of_ordinal, ordinal
from spark_jobs.hourly.hour_task import HourBatch, hour_batches
from spark_jobs.lake import duckdb_tasks as module
from spark_jobs.lake.table_files import StoredFile

TEN = 1_000_000


def files(**rows_by_offset: int) -> dict[int, list[StoredFile]]:
    return {
        TEN + int(name[1:]): [StoredFile(location=f"of {name}", rows=rows)] for name, rows in rows_by_offset.items()
    }


def batches(rows: dict[int, list[StoredFile]], *offsets: int, cores: int = 2) -> list[HourBatch]:
    return hour_batches([hour_of_ordinal(TEN + offset) for offset in offsets], rows, cores=cores)


def test_few_rows_are_one_batch_however_many_hours_they_lie_in() -> None:
    (batch,) = batches(files(h0=10, h1=10, h7=10), 0, 1, 7)
    assert batch.hours == (TEN, TEN + 1, TEN + 7)


def test_a_batch_reads_the_hour_before_each_of_its_hours() -> None:
    (batch,) = batches(files(h0=10, h1=10, h4=10, h5=10, h8=10), 1, 5)
    assert [file.location for hour in batch.files.values() for file in hour] == ["of h0", "of h1", "of h4", "of h5"]


def test_an_hour_without_files_needs_no_batch() -> None:
    assert batches(files(h0=10), 1, 2) == []
    assert batches({}, 0) == []


def test_many_rows_are_shared_by_the_cores() -> None:
    share = module.SMALLEST_BATCH
    parts = batches(files(h0=share, h1=share, h2=share, h3=share), 0, 1, 2, 3)
    assert [part.hours for part in parts] == [(TEN, TEN + 1), (TEN + 2, TEN + 3)]


def test_many_hours_are_shared_by_the_cores_however_few_their_rows() -> None:
    """Each hour's files cost something: two cores write those of a sparse year."""
    hours = range(4 * module.SMALLEST_BATCH // module.FILES_IN_ROWS)
    parts = batches(files(**{f"h{hour}": 1 for hour in hours}), *hours)
    assert [len(part.hours) for part in parts] == [len(hours) // 2] * 2


def test_a_batch_is_no_larger_than_it_need_be_however_few_the_cores() -> None:
    parts = batches(files(h0=module.BATCH_ROWS, h1=module.BATCH_ROWS), 0, 1, cores=1)
    assert [part.hours for part in parts] == [(TEN,), (TEN + 1,)]


def test_an_hour_is_never_divided() -> None:
    (batch,) = batches(files(h0=100 * module.BATCH_ROWS), 0)
    assert batch.hours == (TEN,)


def test_an_hours_number_is_counted_from_the_epoch() -> None:
    assert hour_of_ordinal(ordinal(hour_of_ordinal(TEN) + timedelta(hours=1))) == hour_of_ordinal(TEN + 1)
