"""Job 1 in Spark and Iceberg: raw objects of landing hours become exactly those hours' rows, whatever ran before."""

import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.event_settings import EventSettings
from contracts.ledger import LandingLedgerRow
from contracts.partitions import landing_prefix
from contracts.tables import LANDING_LEDGER, RECEIVED_EVENTS, REJECTED_EVENTS, Table
from spark_jobs.errors import MissingObjectsError
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import TransformReport, transform_landing_hours
from tests.spark_jobs.validation.test_line import line_of

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
ELEVEN = TEN + timedelta(hours=1)
SETTLED = LandingRules(settled_before=datetime(2100, 1, 1, tzinfo=UTC))
FORCED = LandingRules(settled_before=datetime(2100, 1, 1, tzinfo=UTC), force=True)


def put(lake: Lake, hour: datetime, name: str, content: bytes) -> Path:
    """Lay down a raw object as it is given."""
    path = Path(lake.raw_uri).parent / landing_prefix(hour) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def put_lines(lake: Lake, hour: datetime, name: str, *lines: bytes) -> Path:
    return put(lake, hour, name, gzip.compress(b"".join(line + b"\n" for line in lines)))


def event(click_id: str, timestamp: str = "2026-11-22 09:59:58") -> bytes:
    return line_of({"click_id": click_id, "timestamp": timestamp})


def transform(lake: Lake, *hours: datetime, force: bool = False) -> TransformReport:
    return transform_landing_hours(lake, hours or [TEN], FORCED if force else SETTLED)


def rows(lake: Lake, table: Table, *columns: str) -> list[tuple[object, ...]]:
    return sorted((tuple(row) for row in lake.read(table).select(*columns).collect()), key=repr)


def clicks(lake: Lake) -> list[object]:
    return [click for (click,) in rows(lake, RECEIVED_EVENTS, "click_id")]


def ledger(lake: Lake, hour: datetime = TEN) -> LandingLedgerRow:
    (row,) = read_ledger(lake, LandingLedgerRow, hour, hour + timedelta(hours=1))
    return row


@pytest.fixture
def lake(lake_with_tables: Lake) -> Lake:
    return lake_with_tables


def test_lines_become_received_or_rejected_rows_and_a_ledger_row_that_balances(lake: Lake) -> None:
    late = event("c2", "2026-11-21 23:30:00")
    put_lines(lake, TEN, "a.gz", event("c1"), b"not json", late)
    put(lake, TEN, "b.gz", gzip.compress(event("c3") + b"\n") + gzip.compress(b"{}\n\xff"))
    report = transform(lake)
    assert clicks(lake) == ["c1", "c2", "c3"]
    at = landing_prefix(TEN)
    assert rows(lake, REJECTED_EVENTS, "object_key", "rejection_reason", "line") == [
        (f"{at}a.gz", "not_json", bytearray(b"not json")),
        (f"{at}b.gz", "not_an_envelope", bytearray(b"{}")),
        (f"{at}b.gz", "not_json", bytearray(b"\xff")),
    ]
    row = ledger(lake)
    assert report.written == (row,)
    assert (row.lines, row.received, row.rejected, row.unreadable_objects) == (6, 3, 3, 0)
    assert row.rejected_by_reason == {"not_json": 2, "not_an_envelope": 1}
    assert row.received_by_event_hour == {
        datetime(2026, 11, 21, 23, tzinfo=UTC): 1,
        datetime(2026, 11, 22, 9, tzinfo=UTC): 2,
    }
    assert row.objects == (f"{at}a.gz", f"{at}b.gz")


def test_an_unreadable_object_is_one_row_and_its_neighbours_are_received(lake: Lake) -> None:
    put(lake, TEN, "bad.gz", gzip.compress(event("lost") + b"\n")[:-4])
    put_lines(lake, TEN, "good.gz", event("c1"))
    report = transform(lake)
    key = f"{landing_prefix(TEN)}bad.gz"
    assert [unreadable.key for unreadable in report.unreadable] == [key]
    assert clicks(lake) == ["c1"]
    assert rows(lake, REJECTED_EVENTS, "object_key", "rejection_reason", "line") == [(key, "unreadable_object", None)]
    row = ledger(lake)
    assert (row.lines, row.received, row.rejected, row.unreadable_objects) == (1, 1, 0, 1)


def test_objects_are_text_or_gzip_by_their_bytes_and_one_without_bytes_is_empty(lake: Lake) -> None:
    marked = "\ufeff".encode()
    put(lake, TEN, "empty.gz", b"")
    put(lake, TEN, "text.gz", marked + event("c1") + b"\n" + marked + event("c2"))
    put(lake, TEN, "packed", gzip.compress(marked + event("c3")))
    assert transform(lake).unreadable == ()
    assert clicks(lake) == ["c1", "c2", "c3"]
    row = ledger(lake)
    assert (len(row.objects), row.lines, row.received, row.rejected, row.unreadable_objects) == (3, 3, 3, 0, 0)


def test_addresses_are_truncated_in_every_row_and_kept_after_switching(lake: Lake) -> None:
    good = line_of({"user_ip": "2001:db8:1:2::3"}, source_ip="203.0.113.77")
    bad = line_of({"user_ip": "198.51.100.7"}, source_ip=[203, 0, 113, 77])
    put_lines(lake, TEN, "a.gz", good, bad)
    transform(lake)
    assert rows(lake, RECEIVED_EVENTS, "user_ip", "source_ip") == [("2001:db8:1::", "203.0.113.0")]
    ((line, detail),) = rows(lake, REJECTED_EVENTS, "line", "detail")
    assert bytes(line) == bad.replace(b"100.7", b"100.0").replace(b"[203, 0, 113, 77]", b"[]")  # type: ignore[call-overload]
    assert "77" not in str(detail)

    report = transform(replace(lake, events=EventSettings(keep_ip_addresses=True)))
    assert len(report.written) == 1
    assert rows(lake, RECEIVED_EVENTS, "user_ip", "source_ip") == [("2001:db8:1:2::3", "203.0.113.77")]
    assert rows(lake, REJECTED_EVENTS, "line") == [(bytearray(bad),)]
    assert transform(replace(lake, events=EventSettings(keep_ip_addresses=True))).written == ()


def test_the_environment_s_names_and_the_queries_that_it_keeps_are_in_every_row(lake: Lake) -> None:
    page = {"page_url": "https://shop.example/?q=shoes"}
    put_lines(lake, TEN, "a.gz", line_of({"event_name": "Bestellung", **page}), line_of({"event_name": "purchase"}))
    transform(lake)
    columns = ("event_name", "sent_event_name", "page_url")
    both = [("Bestellung", None, "https://shop.example/"), ("Purchase", "purchase", None)]
    assert sorted(rows(lake, RECEIVED_EVENTS, *columns), key=str) == both
    shop = EventSettings(event_names=(("bestellung", "Purchase"),), keep_url_queries=True)
    assert len(transform(replace(lake, events=shop)).written) == 1
    assert sorted(rows(lake, RECEIVED_EVENTS, *columns), key=str) == [
        ("Purchase", "Bestellung", "https://shop.example/?q=shoes"),
        ("Purchase", "purchase", None),
    ]
    assert transform(replace(lake, events=shop)).written == ()


def test_a_repaired_object_replaces_the_rejection(lake: Lake) -> None:
    put(lake, TEN, "a.gz", b"\x1f\x8brubbish")
    transform(lake)
    put_lines(lake, TEN, "a.gz", event("c1"))
    transform(lake)
    assert clicks(lake) == ["c1"]
    assert rows(lake, REJECTED_EVENTS, "object_key") == []


def test_a_rerun_gives_the_same_rows_and_touches_no_other_hour(lake: Lake) -> None:
    put_lines(lake, TEN, "a.gz", event("c1"), b"x")
    put_lines(lake, ELEVEN, "b.gz", event("c2"), b"y")
    transform(lake, TEN, ELEVEN)
    columns = [column.name for column in RECEIVED_EVENTS.columns]
    before = rows(lake, RECEIVED_EVENTS, *columns), rows(lake, REJECTED_EVENTS, "line")
    transform(lake, ELEVEN, force=True)
    transform(lake, TEN, force=True)
    assert (rows(lake, RECEIVED_EVENTS, *columns), rows(lake, REJECTED_EVENTS, "line")) == before


def test_an_hour_without_objects_is_noted_with_zeros(lake: Lake) -> None:
    transform(lake)
    row = ledger(lake)
    assert (row.objects, row.lines, row.received, row.rejected, row.settled) == ((), 0, 0, 0, True)


def test_unchanged_objects_are_not_read_again(lake: Lake) -> None:
    put_lines(lake, TEN, "a.gz", event("c1"))
    transform(lake)
    report = transform(lake)
    assert (report.written, report.unchanged) == ((), (TEN,))


def test_a_late_object_makes_its_hour_again(lake: Lake) -> None:
    put_lines(lake, TEN, "a.gz", event("c1"))
    transform(lake)
    put_lines(lake, TEN, "b.gz", event("c2"))
    transform(lake)
    assert clicks(lake) == ["c1", "c2"]
    assert ledger(lake).lines == 2


def test_history_is_not_wiped_by_a_rerun_after_raw_has_expired(lake: Lake) -> None:
    path = put_lines(lake, TEN, "a.gz", event("c1"))
    transform(lake)
    path.unlink()
    with pytest.raises(MissingObjectsError, match=r"a\.gz"):
        transform(lake, force=True)
    assert clicks(lake) == ["c1"]


def test_an_open_hour_is_replaced_when_it_has_settled(lake: Lake) -> None:
    put_lines(lake, TEN, "a.gz", event("c1"))
    transform_landing_hours(lake, [TEN], LandingRules(settled_before=TEN, allow_open_hour=True))
    assert not ledger(lake).settled
    transform(lake)
    assert ledger(lake).settled
    assert clicks(lake) == ["c1"]


def test_rejections_are_written_however_many_they_are(lake: Lake) -> None:
    put_lines(lake, TEN, "few.gz", event("c1"), b"bad")
    put_lines(lake, TEN, "many.gz", event("c2"), *[b"bad"] * 100)
    transform(lake)
    assert rows(lake, REJECTED_EVENTS, "line") == [(bytearray(b"bad"),)] * 101
    assert ledger(lake).rejected_by_reason == {"not_json": 101}


def test_the_ledger_is_the_last_commit(lake: Lake) -> None:
    put_lines(lake, TEN, "a.gz", event("c1"), b"x")
    transform(lake)
    times = [
        lake.spark.sql(f"SELECT max(committed_at) FROM {lake.table(table.name)}.snapshots").collect()[0][0]
        for table in (RECEIVED_EVENTS, REJECTED_EVENTS, LANDING_LEDGER)
    ]
    assert times == sorted(times)
