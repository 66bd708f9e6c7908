"""`scaling_decisions` has two writers: whether Spark or pyiceberg comes first, both find the table that they'd make."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from pyiceberg.table import Table as StoredTable
from pyspark.sql import SparkSession

from contracts.tables import SCALING_DECISIONS
from kinesis_scaling.decisions.store import DecisionStore
from spark_jobs import run_maintain_tables
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from tests.plugins.kinesis_scaling.decisions.records import TEN, record
from tests.spark_jobs.hadoop_catalog import HadoopCatalog

pytestmark = pytest.mark.spark

DAY = timedelta(days=1)
#: Long before the day of the run, so that nothing is left alone as being worked on.
FIRST = TEN.replace(year=2021)
DECISIONS = [record(FIRST + n * timedelta(hours=1)) for n in range(5)]


@pytest.fixture
def catalog(lake: Lake) -> Iterator[HadoopCatalog]:
    catalog = HadoopCatalog(lake)
    yield catalog
    catalog.engine.dispose()


def opened(catalog: HadoopCatalog, lake: Lake) -> DecisionStore:
    return DecisionStore(catalog=catalog, database=lake.database)


def stored(catalog: HadoopCatalog, lake: Lake) -> StoredTable:
    return catalog.load_table((lake.database, SCALING_DECISIONS.name))


def layout(table: StoredTable) -> Mapping[str, object]:
    """Return all that two tables of one declaration must have in common."""
    properties = {key: value for key, value in table.properties.items() if key != "owner"}
    return {
        "fields": [str(field) for field in table.schema().fields],
        "documentation": [field.doc for field in table.schema().fields],
        "partitions": table.spec().model_dump(),
        "sort": table.sort_order().model_dump(),
        "format": table.format_version,
        "properties": properties,
    }


def maintain(lake: Lake, *chosen: str) -> int:
    where = ["--raw-uri", lake.raw_uri, "--warehouse-uri", lake.warehouse_uri, "--database", lake.database]
    return run_maintain_tables.main([*where, *chosen])


def test_pyiceberg_makes_the_table_that_spark_makes(spark: SparkSession, catalog: HadoopCatalog, lake: Lake) -> None:
    ensure_tables(lake, [SCALING_DECISIONS])
    own = replace(lake, database=f"{lake.database}_by_pyiceberg")
    opened(catalog, own).write(DECISIONS)
    assert layout(stored(catalog, own)) == layout(stored(catalog, lake))


@pytest.mark.parametrize("first", ["spark", "pyiceberg"])
def test_spark_compacts_what_pyiceberg_wrote_and_pyiceberg_writes_on(
    spark: SparkSession,
    catalog: HadoopCatalog,
    lake: Lake,
    capsys: pytest.CaptureFixture[str],
    first: str,
) -> None:
    if first == "spark":
        ensure_tables(lake, [SCALING_DECISIONS])
    store = opened(catalog, lake)
    for decision in DECISIONS:
        store.write([decision])
    assert maintain(lake, "--table", "scaling_decisions") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("scaling_decisions  5 → 1 ")
    changed = record(FIRST, times=9)
    store.write([changed, record(FIRST + DAY)])
    assert store.read("events", FIRST, FIRST + 2 * DAY) == [changed, *DECISIONS[1:], record(FIRST + DAY)]
    rows = lake.read(SCALING_DECISIONS).orderBy("decided_at").collect()
    assert [(row.decision_id, row.times) for row in rows] == [
        (decision.decision_id, decision.times) for decision in (changed, *DECISIONS[1:], record(FIRST + DAY))
    ]


def test_a_column_that_pyiceberg_added_is_what_spark_would_have_added(
    spark: SparkSession, catalog: HadoopCatalog, lake: Lake
) -> None:
    columns = tuple(column for column in SCALING_DECISIONS.columns if column.name != "shard_id")
    ensure_tables(lake, [replace(SCALING_DECISIONS, columns=columns)])
    by_spark = replace(lake, database=f"{lake.database}_by_spark")
    ensure_tables(by_spark, [replace(SCALING_DECISIONS, columns=columns)])
    opened(catalog, lake).write([record(FIRST, shard_id="shardId-000000000001")])
    ensure_tables(by_spark, [SCALING_DECISIONS])
    assert layout(stored(catalog, lake)) == layout(stored(catalog, by_spark))
    assert [row.shard_id for row in lake.read(SCALING_DECISIONS).collect()] == ["shardId-000000000001"]


def test_maintenance_gives_a_table_of_an_earlier_version_what_it_lacks(
    spark: SparkSession, catalog: HadoopCatalog, lake: Lake
) -> None:
    columns = tuple(column for column in SCALING_DECISIONS.columns if column.name != "shard_id")
    ensure_tables(lake, [replace(SCALING_DECISIONS, columns=columns)])
    assert maintain(lake, "--table", "scaling_decisions") == 0
    assert stored(catalog, lake).schema().find_field("shard_id").optional


def test_maintenance_of_a_table_that_nobody_made_yet_is_done(
    spark: SparkSession, lake_with_tables: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert maintain(lake_with_tables, "--table", "scaling_decisions") == 0
    assert not spark.catalog.tableExists(lake_with_tables.table(SCALING_DECISIONS.name))
    assert "0 of 1 tables had something in them" in capsys.readouterr().out
