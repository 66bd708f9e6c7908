"""Rules of making tables from their declarations: created once, evolved by new columns, refused when they differ."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from contracts.stages import TABLES
from contracts.tables import CLEAN_EVENTS, HOURLY_TRAFFIC, Column, Partition
from spark_jobs.errors import CatalogError, TableMismatchError
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.iceberg import stored_table
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.types import struct_type

pytestmark = pytest.mark.spark

NEW_COLUMN = Column(name="vouchers", type="bigint", description="Purchases with a voucher; it's new.")


def test_every_table_is_made_as_declared(lake: Lake) -> None:
    ensure_tables(lake)
    for table in TABLES:
        assert lake.read(table).schema.simpleString() == struct_type(table).simpleString()
    handle = lake.handle(CLEAN_EVENTS)
    assert str(handle.spec().fields().get(0).transform().toString()) == "hour"
    assert [field.direction().toString() for field in handle.sortOrder().fields()] == ["ASC", "ASC"]
    assert handle.properties()["write.distribution-mode"] == "none"
    comments = {field.name: field.metadata["comment"] for field in lake.read(CLEAN_EVENTS).schema}
    assert comments == {column.name: column.description for column in CLEAN_EVENTS.columns}


def test_a_new_column_is_added_and_old_rows_have_null_in_it(lake: Lake) -> None:
    ensure_tables(lake, [HOURLY_TRAFFIC])
    name = lake.table(HOURLY_TRAFFIC.name)
    measures = ", ".join("0.00" if column.type == "decimal(38,2)" else "1" for column in HOURLY_TRAFFIC.columns[1:])
    lake.spark.sql(f"INSERT INTO {name} VALUES (TIMESTAMP'2026-11-22 10:00:00Z', {measures})")
    evolved = replace(HOURLY_TRAFFIC, columns=(*HOURLY_TRAFFIC.columns, NEW_COLUMN))
    ensure_tables(lake, [evolved])
    ensure_tables(lake, [evolved])
    (row,) = lake.read(HOURLY_TRAFFIC).collect()
    assert (row.events, row.vouchers) == (1, None)
    assert lake.read(HOURLY_TRAFFIC).schema["vouchers"].metadata["comment"] == NEW_COLUMN.description


@pytest.mark.parametrize("sort", [("events", "event_hour"), ()], ids=["another", "none"])
def test_a_table_takes_another_order_for_what_comes(lake: Lake, sort: tuple[str, ...]) -> None:
    ensure_tables(lake, [HOURLY_TRAFFIC])
    ensure_tables(lake, [replace(HOURLY_TRAFFIC, sort=sort)])
    stored = stored_table(lake.spark, lake.name(HOURLY_TRAFFIC))
    assert stored is not None
    assert stored.sort == list(sort)


def test_tables_that_are_as_declared_are_left_alone(spark: SparkSession, lake_with_tables: Lake) -> None:
    files = sorted(Path(lake_with_tables.warehouse_uri, lake_with_tables.database).rglob("*"))
    ensure_tables(lake_with_tables)
    assert sorted(Path(lake_with_tables.warehouse_uri, lake_with_tables.database).rglob("*")) == files


def test_a_table_that_differs_otherwise_is_refused_with_every_difference(lake: Lake) -> None:
    ensure_tables(lake, [HOURLY_TRAFFIC])
    events, users, *others = HOURLY_TRAFFIC.columns[1:]
    differing = replace(
        HOURLY_TRAFFIC,
        columns=(
            HOURLY_TRAFFIC.columns[0],
            replace(events, type="string"),
            replace(users, nullable=True),
            *others[1:],
            replace(NEW_COLUMN, nullable=False),
        ),
        partitions=(Partition(column="event_hour", transform="hours"),),
    )
    with pytest.raises(TableMismatchError) as refused:
        ensure_tables(lake, [differing])
    for difference in (
        "hourly_traffic.events: is bigint, declared string",
        "hourly_traffic.users: is required, declared nullable",
        "hourly_traffic.sessions_started: is there, but not declared",
        "hourly_traffic.vouchers: a column can be added only if it may be null",
        "hourly_traffic: is partitioned by [('event_hour', 'day')], declared [('event_hour', 'hour')]",
    ):
        assert difference in str(refused.value)
    assert "vouchers" not in lake.read(HOURLY_TRAFFIC).columns


def test_a_catalog_that_cannot_be_asked_is_one_sentence_naming_it(lake: Lake) -> None:
    Path(lake.warehouse_uri, "a_file").write_text("")
    with pytest.raises(CatalogError, match=r"database 'a_file': .*; check the warehouse"):
        ensure_tables(replace(lake, database="a_file"))


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("{")], ids=["missing", "corrupt"])
def test_a_table_whose_metadata_is_gone_or_broken_is_named_in_one_sentence_and_left_as_it_is(
    lake: Lake, damage: Callable[[Path], object]
) -> None:
    ensure_tables(lake, [HOURLY_TRAFFIC])
    metadata = Path(lake.warehouse_uri) / lake.database / HOURLY_TRAFFIC.name / "metadata"
    latest = max(metadata.glob("v*.metadata.json"), key=lambda path: int(path.name.split(".")[0].removeprefix("v")))
    damage(latest)
    before = sorted(metadata.iterdir())
    with pytest.raises(CatalogError, match=r"hourly_traffic can't be read or made: .*; if its metadata file is gone"):
        ensure_tables(lake)
    assert sorted(metadata.iterdir()) == before
