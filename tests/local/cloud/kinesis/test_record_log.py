"""A shard's log gives back what was acknowledged, in order, after any end of the process."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.cloud.kinesis.record_log import RecordLog

BATCHES = st.lists(
    st.lists(st.tuples(st.binary(min_size=1, max_size=20), st.binary(max_size=300)), min_size=1, max_size=90),
    max_size=8,
)


def log_in(folder: Path, segment_bytes: int = 4096) -> Any:
    if not folder.exists() or not any(folder.glob("*.log")):
        RecordLog.create(folder)
    return RecordLog(folder, segment_bytes=segment_bytes)


def read_all(log: RecordLog, start: int = 0, max_records: int = 37) -> Any:
    found = []
    while records := log.read(start, max_records=max_records, max_bytes=10_000):
        found += records
        start = records[-1].index + 1
    return found


@settings(max_examples=40)
@given(batches=BATCHES, reopen=st.booleans(), start=st.integers(0, 200))
def test_every_record_is_read_once_in_order_across_segments_and_a_reopening(
    tmp_path_factory: pytest.TempPathFactory, batches: Any, reopen: bool, start: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = log_in(folder)
    for time, batch in enumerate(batches, 1):
        log.append(batch, arrived=time)
    if reopen:
        log.close()
        log = log_in(folder)
    expected = [record for batch in batches for record in batch]
    assert [(one.key, one.data) for one in read_all(log, start)] == expected[start:]
    assert log.end == len(expected)


@pytest.mark.parametrize("torn", [1, 13, 14, 20, 60])
def test_a_torn_last_entry_is_cut_off_and_the_next_append_is_readable(tmp_path: Path, torn: int) -> None:
    log = log_in(tmp_path)
    log.append([(b"k", b"first"), (b"k", b"x" * 50)], arrived=5)
    log.close()
    path = next(tmp_path.glob("*.log"))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - torn])
    log = log_in(tmp_path)
    assert log.append([(b"k", b"second")], arrived=6) == (1, 6)
    assert [one.data for one in read_all(log)] == [b"first", b"second"]


def test_a_record_is_on_disk_before_append_returns(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.append([(b"key", b"payload")], arrived=1)
    assert b"payload" in next(tmp_path.glob("*.log")).read_bytes()


def test_arrival_never_goes_back_when_the_clock_does(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.append([(b"k", b"a")], arrived=100)
    assert log.append([(b"k", b"b")], arrived=40) == (1, 100)


def test_expiry_drops_whole_segments_and_indexes_go_on(tmp_path: Path) -> None:
    log = log_in(tmp_path, segment_bytes=200)
    for time in range(1, 11):
        log.append([(b"k", b"x" * 150)], arrived=time)
    log.expire(before=6)
    assert next(one.arrived for one in read_all(log)) >= 5
    assert log.start > 0
    log.expire(before=1_000)
    assert read_all(log) == []
    log.close()
    log = log_in(tmp_path)
    assert log.append([(b"k", b"new")], arrived=2_000) == (10, 2_000)
    assert [one.index for one in read_all(log)] == [10]


@settings(max_examples=40)
@given(arrivals=st.lists(st.integers(1, 60), min_size=1, max_size=300).map(sorted), wanted=st.integers(0, 70))
def test_a_time_leads_to_the_first_record_that_arrived_then_or_later(
    tmp_path_factory: pytest.TempPathFactory, arrivals: Any, wanted: int
) -> None:
    log = log_in(tmp_path_factory.mktemp("log"), segment_bytes=600)
    for arrived in arrivals:
        log.append([(b"k", b"data")], arrived=arrived)
    expected = next((place for place, arrived in enumerate(arrivals) if arrived >= wanted), len(arrivals))
    assert log.index_at(wanted) == expected


def test_one_record_is_returned_even_if_it_is_larger_than_asked_for(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.append([(b"k", b"x" * 900_000), (b"k", b"y")], arrived=1)
    assert [len(one.data) for one in log.read(0, max_records=10, max_bytes=10)] == [900_000]
