"""What is known of a table's files without pyiceberg taking their entries apart: the same as with it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pyiceberg.avro.decoder import new_decoder
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import DataFile, ManifestFile
from pyiceberg.table import Table as StoredTable

from contracts.tables import DAILY_TRAFFIC, DATA_CHECKS, REJECTED_EVENTS, Table
from pages.lake.manifests import _pass_bytes, _pass_integers, data_files
from tests.plugins.pages.conftest import DATABASE, SmallLake

IO = PyArrowFileIO()
NINE = datetime(2026, 11, 27, 9, tzinfo=UTC)
TEN = NINE.replace(hour=10)


def written(lake: SmallLake, table: Table, *commits: list[dict[str, Any]]) -> StoredTable:
    for rows in commits:
        lake.put(table, *rows)
    return lake.catalog.load_table((DATABASE, table.name))


def manifests(stored: StoredTable) -> list[ManifestFile]:
    snapshot = stored.current_snapshot()
    assert snapshot is not None
    return snapshot.manifests(IO)


def facts(file: DataFile) -> tuple[Any, ...]:
    return (
        *(file.content, file.file_path, file.file_format, list(file.partition._data)),
        *(file.record_count, file.file_size_in_bytes, file.spec_id),
    )


@pytest.mark.parametrize(
    ("table", "rows", "again"),
    [
        pytest.param(
            REJECTED_EVENTS,
            [{"landing_hour": hour, "line": b"oops", "received_at": None} for hour in (NINE, NINE, TEN)],
            [{"landing_hour": NINE, "line": None}],
            id="hours",
        ),
        pytest.param(
            DAILY_TRAFFIC,
            [{"day": date(2026, 11, day), "events": day} for day in (1, 2, 3)],
            [{"day": date(2026, 11, 2)}],
            id="days",
        ),
        pytest.param(
            DATA_CHECKS,
            [{"checked_from": NINE, "stage": stage} for stage in ("landing_hour", "day")],
            [{"checked_from": NINE, "stage": "day"}],
            id="two-partitions",
        ),
    ],
)
def test_files_are_those_that_pyiceberg_finds_in_the_manifest(
    small_lake: SmallLake, table: Table, rows: list[dict[str, Any]], again: list[dict[str, Any]]
) -> None:
    """A second commit leaves entries that are deleted, and others that were there before."""
    found = manifests(written(small_lake, table, rows, again))
    expected = [facts(entry.data_file) for manifest in found for entry in manifest.fetch_manifest_entry(IO)]
    assert [facts(file) for manifest in found for file in data_files(IO, manifest)] == expected
    entries = [entry for manifest in found for entry in manifest.fetch_manifest_entry(IO, discard_deleted=False)]
    assert len(entries) > len(expected) > 0, "none was deleted"


@pytest.mark.parametrize("counts", [b"\x04", b"\x03\x08"], ids=["counted", "with-their-size"])
def test_a_map_that_is_passed_over_is_passed_as_a_whole(counts: bytes) -> None:
    """Avro may write a map in parts, and a part's size behind a negative number of its pairs."""
    integers = new_decoder(counts + b"\x02\x04\x06\x08" + b"\x02\x0a\x0c" + b"\x00" + b"\x0e")
    _pass_integers(integers)
    assert integers.read_int() == 7
    texts = new_decoder(counts + b"\x02\x02a\x04\x02b" + b"\x02\x06\x04cd" + b"\x00" + b"\x0e")
    _pass_bytes(texts)
    assert texts.read_int() == 7
