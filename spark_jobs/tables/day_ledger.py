"""`day_ledger` as dataclasses: what each run did with a day, and from which version; the last commit of a run."""

from collections.abc import Collection, Mapping
from datetime import date

from pyspark.sql import SparkSession

from contracts.ledger import DayRow
from contracts.names import LakeLocation
from contracts.partitions import day_key
from contracts.tables import DAY_LEDGER
from spark_jobs.tables.commit_files import replace_days
from spark_jobs.tables.schemas import column_names
from spark_jobs.tables.write_files import files_of_rows


def read_day_rows(spark: SparkSession, lake: LakeLocation, start: date, end: date) -> list[DayRow]:
    """Return the ledger's rows of the days in `[start, end)`, in order."""
    stored = spark.table(lake.table(DAY_LEDGER.name)).select(*column_names(DAY_LEDGER))
    rows = stored.where(f"day >= DATE'{day_key(start)}' AND day < DATE'{day_key(end)}'").collect()
    return sorted((DayRow(**row.asDict()) for row in rows), key=lambda row: row.day)


def write_day_rows(
    spark: SparkSession,
    lake: LakeLocation,
    rows: Collection[DayRow],
    *,
    read_from: int | None,
    properties: Mapping[str, str],
) -> None:
    """Replace the rows of these days; `read_from` and `properties` as in `replace_days`."""
    values = [tuple(getattr(row, name) for name in column_names(DAY_LEDGER)) for row in rows]
    replace_days(
        spark,
        files_of_rows(spark, lake, DAY_LEDGER, values),
        lake=lake,
        table=DAY_LEDGER,
        days=[row.day for row in rows],
        read_from=read_from,
        properties=properties,
    )
