"""A table of many small files and old snapshots → the same rows in fewer files, without what nobody can read any more.

Other runs go on meanwhile, and nothing they do is lost. Compaction commits in parts: where another run replaced a
partition meanwhile, that part is dropped, and the other run's rows stand. A run that loses to a compaction computes
again, so the hours that runs work on now are left alone. A snapshot is kept as long as somebody may read it, which is
counted from when it ceased to be current, and not from when it was made.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import Row, SparkSession

from contracts.names import CATALOG, LakeLocation
from contracts.partitions import hour_of
from contracts.tables import Table
from spark_jobs.errors import BaseMovedError, SparkJobError
from spark_jobs.operations.table_figures import TableFigures, table_figures
from spark_jobs.progress import progress
from spark_jobs.tables.commit_files import commit_error
from spark_jobs.tables.hour_filters import sql_literal
from spark_jobs.tables.iceberg_table import loaded
from spark_jobs.tables.retries import retrying

#: Iceberg refuses less, too: a run's new files are orphans until it commits.
LEAST_ORPHAN_AGE: Final = timedelta(hours=24)

#: Partitions of the last hours are being made, and made again as events come late.
BUSY: Final = timedelta(hours=3)

#: Of a partition: fewer small files than this are not worth reading and writing them.
MIN_INPUT_FILES: Final = 4

#: Of a table: fewer manifests than this are read at once anyhow.
MANY_MANIFESTS: Final = 20


#: What Hadoop says of a file of a local warehouse that another run removed while its folder was listed.
_WENT: Final = "ls: cannot access"


class MaintenanceError(SparkJobError):
    """A table could not be maintained; it holds what it held."""


@dataclass(frozen=True, kw_only=True)
class MaintenanceRules:
    """Ages are counted back from `now`; `orphan_age` is at least 24 hours."""

    now: datetime
    snapshot_age: timedelta = timedelta(days=5)
    orphan_age: timedelta = timedelta(days=3)
    target_file_bytes: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.orphan_age < LEAST_ORPHAN_AGE:
            hours = self.orphan_age.total_seconds() / 3600
            raise ValueError(
                f"orphan files of {hours:g} hours may be a running job's, which commits them at its end; "
                f"use {LEAST_ORPHAN_AGE.total_seconds() / 3600:g} hours or more"
            )


@dataclass(frozen=True, kw_only=True)
class TableMaintenance:
    """What was done to a table: its figures before and after, and what was rewritten and removed."""

    table: str
    before: TableFigures
    after: TableFigures
    compacted_files: int
    lost_to_other_runs: int
    removed_orphans: int


def maintain_table(
    spark: SparkSession, lake: LakeLocation, table: Table, rules: MaintenanceRules
) -> TableMaintenance | None:
    """Compact, expire, tidy up; return None for a table that nothing was ever written to, or that is not there yet.

    Raise `MaintenanceError` if a step fails; those before it are done, and no row is another.
    """
    if not spark.catalog.tableExists(lake.table(table.name)):
        return None  # no Spark job makes it, and whoever does has not come to it
    before = table_figures(spark, lake, table)
    if not before.snapshots:
        return None
    progress(f"maintaining {table.name}")
    try:
        compacted = _compact(spark, lake, table, rules)
        if table_figures(spark, lake, table).manifests >= MANY_MANIFESTS:
            _rewrite_manifests(spark, lake, table)
        _expire_snapshots(spark, lake, table, rules)
        orphans = _remove_orphans(spark, lake, table, rules)
    except (BaseMovedError, Py4JJavaError, PySparkException) as error:
        raise MaintenanceError(f"{table.name}: {_reason(error)}; its rows are what they were, run it again") from error
    return TableMaintenance(
        table=table.name,
        before=before,
        after=table_figures(spark, lake, table),
        compacted_files=compacted.rewritten_data_files_count,
        lost_to_other_runs=compacted.failed_data_files_count,
        removed_orphans=orphans,
    )


def _compact(spark: SparkSession, lake: LakeLocation, table: Table, rules: MaintenanceRules) -> Row:
    """Rewrite partitions of many small files, sorted as the table is."""
    options = {
        "target-file-size-bytes": rules.target_file_bytes,
        "min-input-files": MIN_INPUT_FILES,
        "max-concurrent-file-group-rewrites": 2,
        "partial-progress.enabled": "true",
        # What a group lost is tried again by tomorrow's run, not by failing today's.
        "partial-progress.max-failed-commits": 1_000_000,
    }
    pairs = ", ".join(f"'{key}', '{value}'" for key, value in options.items())
    arguments = {"strategy": "'sort'" if table.sort else "'binpack'", "options": f"map({pairs})"}
    finished = _not_busy(table, rules.now - BUSY)
    if finished:
        arguments["where"] = f'"{finished}"'
    (result,) = _call(spark, "rewrite_data_files", table=_name(lake, table), **arguments)
    return result


def _rewrite_manifests(spark: SparkSession, lake: LakeLocation, table: Table) -> None:
    """Merge manifests; where another run replaced one of them meanwhile, leave all as they are until the next time."""
    try:
        _call(spark, "rewrite_manifests", table=_name(lake, table))
    except Py4JJavaError as error:
        if not isinstance(commit_error(error), BaseMovedError):
            raise
        progress(f"{table.name} keeps its manifests, another run was faster")


def _not_busy(table: Table, busy_from: datetime) -> str:
    """Return the condition on the first partition column that a partition ends before a time."""
    if not table.partitions:
        return ""
    partition = table.partitions[0]
    if partition.transform == "hours":
        return f"{partition.column} < {sql_literal(hour_of(busy_from))}"
    if partition.transform == "days":
        return f"{partition.column} < {sql_literal(hour_of(busy_from).replace(hour=0))}"
    return f"{partition.column} < DATE'{busy_from.date()}'"


def _expire_snapshots(spark: SparkSession, lake: LakeLocation, table: Table, rules: MaintenanceRules) -> None:
    """Expire what ceased to be current longer ago than the age: what was current then may still be read by a run."""
    cutoff = (rules.now - rules.snapshot_age).timestamp() * 1000
    times = [int(entry.timestampMillis()) for entry in loaded(spark, lake, table).history()]
    oldest_kept = max((time for time in times if time <= cutoff), default=None)
    if oldest_kept is not None and oldest_kept > min(times):
        older_than = f"TIMESTAMP '{_utc(oldest_kept)}'"
        _call(spark, "expire_snapshots", table=_name(lake, table), older_than=older_than, retain_last="1")


def _remove_orphans(spark: SparkSession, lake: LakeLocation, table: Table, rules: MaintenanceRules) -> int:
    older_than = f"TIMESTAMP '{_utc(int((rules.now - rules.orphan_age).timestamp() * 1000))}'"

    def remove() -> int:
        try:
            arguments = {"table": _name(lake, table), "older_than": older_than, "prefix_listing": "true"}
            return len(_call(spark, "remove_orphan_files", **arguments))
        except Py4JJavaError as error:
            if _WENT in str(error):
                raise BaseMovedError(f"{table.name}: a file went while its folder was listed") from error
            raise

    return retrying(remove, on=BaseMovedError)


def _call(spark: SparkSession, procedure: str, **arguments: str) -> list[Row]:
    named = ", ".join(f"{name} => {value}" for name, value in arguments.items())
    return spark.sql(f"CALL {CATALOG}.system.{procedure}({named})").collect()


def _name(lake: LakeLocation, table: Table) -> str:
    return f"'{lake.database}.{table.name}'"


def _utc(milliseconds: int) -> str:
    """Return epoch milliseconds as a session whose time zone is UTC writes them."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:03d}"


def _reason(error: Any) -> str:
    java = getattr(error, "java_exception", None)
    return str(java.toString() if java is not None else error).splitlines()[0]
