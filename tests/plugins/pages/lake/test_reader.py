"""What is read of a lake: which files, how often, and what stands for what is not there."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table.snapshots import Operation, Summary

from contracts.tables import CLEAN_EVENTS, DAILY_TRAFFIC, HOURLY_TRAFFIC, LANDING_LEDGER
from pages.errors import LakeUnreachableError, QueryError
from pages.lake import iceberg as iceberg_module
from pages.lake import manifests as manifests_module
from pages.lake import reader as reader_module
from pages.lake.iceberg import Days, StoredVersion
from pages.lake.reader import LakeReader
from pages.selection import Selection
from pages.views.latest import latest_day
from tests.plugins.pages.conftest import SmallLake


def hour(day: int, of_day: int, **values: Any) -> dict[str, Any]:
    return {"event_hour": datetime(2026, 11, day, of_day, tzinfo=UTC), **values}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files that are read from now on."""
    names: list[str] = []
    original = StoredVersion.rows

    def noted(self: StoredVersion, file: Any, columns: Any) -> Any:
        names.append(file.name[0])
        return original(self, file, columns)

    monkeypatch.setattr(StoredVersion, "rows", noted)
    return names


def test_only_the_days_of_a_view_are_read(small_lake: SmallLake, reads: list[str]) -> None:
    small_lake.put(HOURLY_TRAFFIC, *(hour(day, 1, events=day) for day in range(1, 21)))
    lake = small_lake.now()
    rows = lake.rows(HOURLY_TRAFFIC, ["event_hour", "events"], date(2026, 11, 5), date(2026, 11, 7))
    assert sorted(rows["events"].to_pylist()) == [5, 6, 7]
    assert len(reads) == 3


def test_an_hour_written_again_costs_its_day_alone(small_lake: SmallLake, reads: list[str]) -> None:
    small_lake.put(HOURLY_TRAFFIC, *(hour(day, 1, events=1) for day in range(1, 21)))
    reader = small_lake.reader()
    days = (date(2026, 11, 1), date(2026, 11, 20))
    reader.lake().rows(HOURLY_TRAFFIC, ["events"], *days)
    assert len(reads) == 20
    reader.lake().rows(HOURLY_TRAFFIC, ["events"], *days)
    assert len(reads) == 20, "an unchanged table costs nothing"
    small_lake.put(HOURLY_TRAFFIC, hour(20, 1, events=3), hour(20, 2, events=4))
    rows = reader.lake().rows(HOURLY_TRAFFIC, ["events"], *days)
    assert sum(rows["events"].to_pylist()) == 19 + 7
    assert len(reads) == 21


def test_views_that_ask_for_other_columns_of_a_day_read_its_file_once(small_lake: SmallLake, reads: list[str]) -> None:
    small_lake.put(HOURLY_TRAFFIC, hour(1, 1, events=3, users=2))
    lake = small_lake.now()
    day = date(2026, 11, 1)
    assert lake.rows(HOURLY_TRAFFIC, ["events"], day, day).to_pylist() == [{"events": 3}]
    assert lake.rows(HOURLY_TRAFFIC, ["users", "events"], day, day).to_pylist() == [{"users": 2, "events": 3}]
    assert len(reads) == 1


def test_long_lists_are_read_for_who_asks_for_them_alone(small_lake: SmallLake) -> None:
    ten = datetime(2026, 11, 22, 10, tzinfo=UTC)
    small_lake.put(LANDING_LEDGER, {"landing_hour": ten, "lines": 1, "objects": [f"raw/{n}.gz" for n in range(999)]})
    lake = small_lake.now()
    kept = lake._reader._rows
    lake.rows(LANDING_LEDGER, ["lines"], ten.date(), ten.date())
    assert kept.size < 9_000
    (row,) = lake.rows(LANDING_LEDGER, ["objects"], ten.date(), ten.date()).to_pylist()
    assert len(row["objects"]) == 999
    assert kept.size > 9_000


def test_the_last_day_is_known_without_reading_a_file(
    small_lake: SmallLake, reads: list[str], selection: Callable[..., Selection]
) -> None:
    small_lake.put(DAILY_TRAFFIC, *({"day": date(2026, 11, day)} for day in (20, 24, 25)))
    assert latest_day(small_lake.now(), DAILY_TRAFFIC, selection()) == date(2026, 11, 25)
    assert reads == []


def test_the_catalog_is_asked_once_within_the_time_that_it_is_believed(small_lake: SmallLake) -> None:
    small_lake.put(HOURLY_TRAFFIC, hour(1, 1, events=1))
    reader = small_lake.reader(believed_seconds=60.0)
    small_lake.calls.clear()
    with ThreadPoolExecutor(20) as people:
        list(people.map(lambda _: reader.lake(), range(200)))
    assert len(small_lake.calls) == 1


def test_twenty_who_ask_at_once_read_each_file_once(small_lake: SmallLake, reads: list[str]) -> None:
    small_lake.put(HOURLY_TRAFFIC, *(hour(day, 1, events=day) for day in range(1, 8)))
    reader = small_lake.reader()

    def total(_: int) -> int:
        lake = reader.lake()
        rows = lake.rows(HOURLY_TRAFFIC, ["events"], date(2026, 11, 1), date(2026, 11, 7))
        ((events,),) = lake.ask("SELECT sum(events)::BIGINT FROM traffic", traffic=rows)
        return int(events)

    with ThreadPoolExecutor(20) as people:
        assert list(people.map(total, range(60))) == [28] * 60
    assert len(reads) == 7


def test_a_table_that_no_run_has_created_is_empty_and_said_not_to_be_there(small_lake: SmallLake) -> None:
    lake = small_lake.now()
    rows = lake.rows(DAILY_TRAFFIC, ["day", "revenue"], date(2026, 11, 1), date(2026, 11, 7))
    assert (rows.num_rows, rows.column_names) == (0, ["day", "revenue"])
    assert not lake.has(DAILY_TRAFFIC)
    assert lake.read == {"daily_traffic": "not there"}


def test_a_column_that_the_table_has_not_yet_is_null(small_lake: SmallLake) -> None:
    old = [column.name for column in HOURLY_TRAFFIC.columns if "refund" not in column.name]
    small_lake.put(HOURLY_TRAFFIC, hour(1, 1, events=1, revenue=Decimal("3.50")), columns=old)
    rows = small_lake.now().rows(HOURLY_TRAFFIC, ["revenue", "refunds"], date(2026, 11, 1), date(2026, 11, 1))
    assert rows.to_pylist() == [{"revenue": Decimal("3.50"), "refunds": None}]


def test_a_map_is_read_and_instants_are_of_utc(small_lake: SmallLake) -> None:
    ten = datetime(2026, 11, 22, 10, tzinfo=UTC)
    small_lake.put(LANDING_LEDGER, {"landing_hour": ten, "rejected_by_reason": [("not_json", 2), ("too_late", 1)]})
    lake = small_lake.now()
    rows = lake.rows(LANDING_LEDGER, ["landing_hour", "rejected_by_reason"], ten.date(), ten.date())
    sql = "SELECT landing_hour, unnest(map_keys(rejected_by_reason)) AS reason FROM ledger ORDER BY reason"
    assert lake.ask(sql, ledger=rows) == [(ten, "not_json"), (ten, "too_late")]


def test_a_table_too_large_for_a_page_is_refused_with_the_remedy(
    small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "MOST_ROWS", 3)
    small_lake.put(HOURLY_TRAFFIC, *(hour(1, number) for number in range(4)))
    with pytest.raises(QueryError, match=r"hourly_traffic has 4 rows .* at most 3; Choose fewer days"):
        small_lake.now().rows(HOURLY_TRAFFIC, ["events"], date(2026, 11, 1), date(2026, 11, 1))


def test_a_file_that_is_gone_is_said_with_what_to_do(small_lake: SmallLake) -> None:
    small_lake.put(HOURLY_TRAFFIC, hour(1, 1))
    lake = small_lake.now()
    (file,) = lake.files(HOURLY_TRAFFIC, date(2026, 11, 1), date(2026, 11, 1))
    Path(file.name[0].removeprefix("file://")).unlink()
    with pytest.raises(LakeUnreachableError, match=r"hourly_traffic cannot be read.*reload the page"):
        lake.rows(HOURLY_TRAFFIC, ["events"], date(2026, 11, 1), date(2026, 11, 1))


def test_sql_over_tables_reaches_no_file(small_lake: SmallLake, tmp_path: Any) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with pytest.raises(Exception, match="disabled"):
        small_lake.now().ask(f"SELECT * FROM read_csv('{tmp_path}/secret.csv')")


def test_a_catalog_that_is_away_is_asked_again_only_after_a_while(small_lake: SmallLake) -> None:
    class Away:
        asked = 0

        def locations(self) -> dict[str, str]:
            self.asked += 1
            raise LakeUnreachableError("away", "wait")

    away = Away()
    reader = LakeReader(catalog=away, properties={}, believed_seconds=60.0)
    for _ in range(5):
        with pytest.raises(LakeUnreachableError):
            reader.lake()
    assert away.asked == 1


def large_only(monkeypatch: pytest.MonkeyPatch, is_large: bool) -> None:
    if is_large:
        monkeypatch.setattr(iceberg_module, "_SMALL", -1)


@pytest.mark.parametrize("is_large", [False, True], ids=["small", "large"])
def test_a_small_file_is_read_as_a_large_one_is(
    small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    large_only(monkeypatch, is_large)
    ten = datetime(2026, 11, 22, 10, tzinfo=UTC)
    columns = ["landing_hour", "settled", "lines", "objects", "rejected_by_reason", "input_version"]
    row = {**dict.fromkeys(columns), "landing_hour": ten, "settled": True, "lines": 3, "input_version": "a"}
    row |= {"objects": ["raw/1.gz", "raw/2.gz"], "rejected_by_reason": [("not_json", 2)]}
    small_lake.put(LANDING_LEDGER, row)
    found = small_lake.now().rows(LANDING_LEDGER, columns, ten.date(), ten.date())
    assert found.to_pylist() == [{**row, "landing_hour": ten.replace(tzinfo=None)}]


@pytest.mark.parametrize("is_large", [False, True], ids=["small", "large"])
def test_rows_of_some_values_are_found_in_hours_of_a_day(
    small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    large_only(monkeypatch, is_large)
    at = [datetime(2026, 11, day, 23, tzinfo=UTC) for day in (21, 22, 22, 23)]
    rows = [{"event_time": each, "event_name": name, "user_id": name} for each, name in zip(at, "ABAA", strict=True)]
    small_lake.put(CLEAN_EVENTS, *rows)
    lake = small_lake.now()
    files = lake.files(CLEAN_EVENTS, date(2026, 11, 22), date(2026, 11, 22))
    assert len(lake.stored(CLEAN_EVENTS).files(Days(first=date(2026, 11, 22), last=date(2026, 11, 22)))) == 1
    found = lake.matching(CLEAN_EVENTS, files, ["event_name"], one_of=("event_name", ["A"]))
    assert found.to_pylist() == [{"event_name": "A"}]


def test_maintenance_is_not_taken_for_a_write(small_lake: SmallLake) -> None:
    small_lake.put(HOURLY_TRAFFIC, hour(1, 1))
    stored = small_lake.now().stored(HOURLY_TRAFFIC)
    written_at = stored.written_at
    (written,) = stored._stored.metadata.snapshots
    later = {"timestamp_ms": written.timestamp_ms + 3_600_000}
    maintained = written.model_copy(update={**later, "summary": Summary(Operation.REPLACE)})
    again = written.model_copy(update={**later, "summary": Summary(Operation.OVERWRITE)})
    for added, expected in ((maintained, written_at), (again, written_at + timedelta(hours=1))):
        stored._stored.metadata = stored._stored.metadata.model_copy(update={"snapshots": [written, added]})
        assert stored.written_at == expected


def test_a_manifest_is_read_once_and_a_commit_adds_its_own(
    small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = manifests_module.data_files

    def noted(io: Any, manifest: Any) -> Any:
        read.append(manifest.manifest_path)
        return original(io, manifest)

    small_lake.put(CLEAN_EVENTS, *({"event_time": datetime(2026, 11, day, 1, tzinfo=UTC)} for day in (1, 2)))
    reader = small_lake.reader()
    monkeypatch.setattr(manifests_module, "data_files", noted)
    for day in (1, 2, 1):
        assert len(reader.lake().files(CLEAN_EVENTS, date(2026, 11, day), date(2026, 11, day))) == 1
    assert len(read) == 1
    small_lake.put(CLEAN_EVENTS, {"event_time": datetime(2026, 11, 3, 1, tzinfo=UTC)})
    read.clear()
    assert len(reader.lake().files(CLEAN_EVENTS, date(2026, 11, 1), date(2026, 11, 3))) == 3
    assert len(read) == 1
