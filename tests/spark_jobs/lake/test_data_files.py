"""Rules of writing data files inside a task: one partition each, in order, none larger than it may be."""

import itertools
import random
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.partitions import HOUR
from contracts.tables import Partition
from spark_jobs.lake import data_files
from spark_jobs.lake.data_files import DataFile, FileTarget, PartitionBuffer, local_copies, written_files

BY_HOUR = Partition(column="event_time", transform="hours")
SCHEMA = pa.schema([pa.field("event_time", pa.timestamp("us", tz="UTC"), nullable=False), pa.field("n", pa.int64())])


@pytest.fixture
def target(tmp_path: Path) -> FileTarget:
    return FileTarget(table="events", data=f"file://{tmp_path}/data", schema=SCHEMA, partitions=(BY_HOUR,))


def rows(*hours_and_numbers: tuple[int, int]) -> pa.Table:
    times = [datetime(1970, 1, 2, hour, 59, tzinfo=UTC) for hour, _ in hours_and_numbers]
    return pa.table([times, [number for _, number in hours_and_numbers]], schema=SCHEMA)


def content(file: DataFile) -> list[int]:
    return list(pq.ParquetFile(file.location.removeprefix("file://")).read().column("n").to_pylist())


def test_rows_of_a_partition_come_into_one_file_from_all_batches(target: FileTarget) -> None:
    files = list(written_files([rows((1, 10), (0, 20), (1, 30)), rows((0, 40))], target))
    assert [(file.partition, content(file)) for file in files] == [(("24",), [20, 40]), (("25",), [10, 30])]
    assert "/data/event_time_hour=1970-01-02-00/" in files[0].location


def test_a_file_is_told_of_with_its_own_footer(target: FileTarget) -> None:
    (file,) = written_files([rows((3, 2), (3, 1))], target)
    alone = b"PAR1" + file.footer + len(file.footer).to_bytes(4, "little") + b"PAR1"
    assert pq.read_metadata(BytesIO(alone)).equals(pq.read_metadata(file.location.removeprefix("file://")))


def test_rows_of_a_partition_keep_their_order(target: FileTarget) -> None:
    (file,) = written_files([rows((3, 2), (3, 1)), rows((3, 3))], target)
    assert content(file) == [2, 1, 3]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(st.integers(0, 12), max_size=30), max_size=4),
    file_bytes=st.sampled_from([20, 10_000]),
    held_bytes=st.sampled_from([20, 10_000]),
)
def test_every_row_is_in_a_file_of_its_partition_in_order(
    target: FileTarget, batches: list[list[int]], file_bytes: int, held_bytes: int
) -> None:
    numbers = itertools.count()
    numbered = [[(hour, next(numbers)) for hour in batch] for batch in batches]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_files, "FILE_BYTES", file_bytes)
        patch.setattr(data_files, "HELD_BYTES", held_bytes)
        files = list(written_files([rows(*batch) for batch in numbered], target))
    found: dict[str, list[int]] = {}
    for file in files:
        assert file.rows == len(content(file))
        found.setdefault(file.partition[0], []).extend(content(file))
    wanted: dict[str, list[int]] = {}
    for hour, number in itertools.chain.from_iterable(numbered):
        wanted.setdefault(str(24 + hour), []).append(number)
    assert found == wanted


def test_a_partition_with_many_rows_becomes_several_files(target: FileTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_files, "FILE_BYTES", 20)
    files = list(written_files([rows((3, 1)), rows((3, 2)), rows((3, 3))], target))
    assert [content(file) for file in files] == [[1, 2], [3]]


def test_rows_that_wait_are_written_before_they_are_too_many(
    target: FileTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_files, "HELD_BYTES", 20)
    files = list(written_files([rows((1, 1), (2, 2)), rows((1, 3))], target))
    assert [(file.partition, content(file)) for file in files] == [(("25",), [1]), (("26",), [2]), (("25",), [3])]


def test_rows_that_wait_keep_no_memory_of_rows_that_do_not(target: FileTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine rows of ten are of one hour and become files; the tenth, of a hundred hours, waits."""
    monkeypatch.setattr(data_files, "FILE_BYTES", 1_000_000)
    monkeypatch.setattr(data_files, "HELD_BYTES", 4_000_000)
    dice = random.Random(1)
    before, waiting = pa.total_allocated_bytes(), PartitionBuffer(target=target)
    for _ in range(200):
        hours = [dice.randrange(100) if dice.random() < 0.1 else 200 for _ in range(10_000)]
        times = [datetime(1970, 1, 1, tzinfo=UTC) + hour * HOUR for hour in hours]
        for _file in waiting.add(pa.table([times, hours], schema=SCHEMA)):
            pass
        assert pa.total_allocated_bytes() - before < 2 * data_files.HELD_BYTES


def test_no_rows_make_no_file(target: FileTarget) -> None:
    assert list(written_files([rows()], target)) == []


def test_a_local_copy_has_a_name_without_meaning_to_a_reader(tmp_path: Path) -> None:
    odd = tmp_path / "a[1]*'s.parquet"
    odd.write_bytes(b"content")
    with local_copies([f"file://{odd}"]) as (copy,):
        assert Path(copy).name == "0.parquet"
        assert Path(copy).read_bytes() == b"content"


def test_a_local_file_with_a_plain_name_is_read_where_it_is(tmp_path: Path) -> None:
    plain = tmp_path / "event_time_hour=1970-01-02-00" / "0-1.parquet"
    plain.parent.mkdir()
    plain.write_bytes(b"content")
    with local_copies([f"file://{plain}"]) as copies:
        assert copies == [str(plain)]
