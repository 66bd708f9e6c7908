"""A table of many small files and old snapshots → the same rows in fewer files, without history that no reader needs.

Other runs go on meanwhile, and nothing they do is lost. Compaction commits in parts: where another run replaced a
partition meanwhile, that part is dropped, and the other run's rows stand. A run that loses to a compaction computes
again, so the hours that runs work on now are left alone. A snapshot is kept as long as a run may read it, which is
counted from when it ceased to be current, and not from when it was written.

Rejected lines go with their raw objects: a line is kept in one place as long as in the other. Whole landing hours are
dropped, which costs Iceberg no look at a row. An hour that still has a raw object is left, however old it is: its rows
could be computed again, and its lines are kept all the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import Row
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import CATALOG
from contracts.partitions import HOUR, hour_of, hour_of_ordinal
from contracts.tables import REJECTED_EVENTS, Table
from spark_jobs.errors import BaseMovedError, SparkJobError
from spark_jobs.lake.filters import sql_literal
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.retries import retrying
from spark_jobs.lake.revision import Revision, commit_error
from spark_jobs.progress import progress
from spark_jobs.raw.lake_stores import raw_store
from storage.by_hour import landed_objects

Done = TypeVar("Done")


@dataclass(frozen=True, kw_only=True)
class TableFigures:
    """Figures of a table as it is now; `snapshots` are those that can still be read."""

    data_files: int = 0
    bytes: int = 0
    manifests: int = 0
    snapshots: int = 0


def table_figures(lake: Lake, table: Table) -> TableFigures:
    """Return the figures of a table; one that nothing was ever written to has zeros."""
    handle = lake.handle(table)
    snapshot = handle.currentSnapshot()
    if snapshot is None:
        return TableFigures()
    summary = snapshot.summary()
    return TableFigures(
        data_files=int(summary.get("total-data-files") or 0),
        bytes=int(summary.get("total-files-size") or 0),
        manifests=int(snapshot.allManifests(handle.io()).size()),
        snapshots=int(handle.operations().current().snapshots().size()),
    )


def expire_rejected(lake: Lake, before: datetime) -> int:
    """Drop the rejected lines of landing hours that ended by `before` and have no raw object left; return how many.

    Raise `ConflictError` if other runs replaced these hours each time it was tried.
    """
    return retrying(lambda: _expire(lake, before))


def _expire(lake: Lake, before: datetime) -> int:
    base = Revision.of(lake, REJECTED_EVENTS)
    old = {hour: rows for hour, rows in _rows_by_landing_hour(lake).items() if hour + HOUR <= before}
    objects = landed_objects(raw_store(lake.raw_uri), old)
    expired = {hour: rows for hour, rows in old.items() if not objects[hour]}
    base.replace(REJECTED_EVENTS, [], expired)
    return sum(expired.values())


def _rows_by_landing_hour(lake: Lake) -> dict[datetime, int]:
    """Return the rows of each landing hour that has any, by the table's manifests."""
    partitions = lake.read_metadata(REJECTED_EVENTS, "partitions")
    counted = partitions.groupBy(F.col("partition.landing_hour_hour").alias("hour")).agg(
        F.sum("record_count").alias("rows")
    )
    return {hour_of_ordinal(row.hour): row.rows for row in counted.collect()}


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
#: An erasure gives up the past of a table once, so a file that goes again and again is lost for another reason.
_WENT_TRIES: Final = 4


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


def maintain_table(lake: Lake, table: Table, rules: MaintenanceRules) -> TableMaintenance | None:
    """Compact, expire, tidy up; return None for a table that nothing was ever written to, or that is not there yet.

    Raise `MaintenanceError` if a step fails; those before it are done, and no row is another.
    """
    if not lake.has(table):
        return None  # no Spark job creates it, and the process that does has not started yet
    before = table_figures(lake, table)
    if not before.snapshots:
        return None
    progress(f"maintaining {table.name}")
    try:
        compacted = _though_files_go(table, lambda: _compact(lake, table, rules))
        if table_figures(lake, table).manifests >= MANY_MANIFESTS:
            _though_files_go(table, lambda: _rewrite_manifests(lake, table))
        _though_files_go(table, lambda: _expire_snapshots(lake, table, rules))
        orphans = _though_files_go(table, lambda: _remove_orphans(lake, table, rules))
    except (SparkJobError, Py4JJavaError, PySparkException) as error:
        raise MaintenanceError(f"{table.name}: {_reason(error)}; its rows are what they were, run it again") from error
    return TableMaintenance(
        table=table.name,
        before=before,
        after=table_figures(lake, table),
        compacted_files=compacted.rewritten_data_files_count,
        lost_to_other_runs=compacted.failed_data_files_count,
        removed_orphans=orphans,
    )


def _compact(lake: Lake, table: Table, rules: MaintenanceRules) -> Row:
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
    (result,) = _call(lake, "rewrite_data_files", table=_name(lake, table), **arguments)
    return result


def _rewrite_manifests(lake: Lake, table: Table) -> None:
    """Merge manifests; where another run replaced one of them meanwhile, leave all as they are until the next time."""
    try:
        _call(lake, "rewrite_manifests", table=_name(lake, table))
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


def _expire_snapshots(lake: Lake, table: Table, rules: MaintenanceRules) -> None:
    """Expire what ceased to be current longer ago than the age: what was current then may still be read by a run."""
    cutoff = (rules.now - rules.snapshot_age).timestamp() * 1000
    times = [int(entry.timestampMillis()) for entry in lake.handle(table).history()]
    oldest_kept = max((time for time in times if time <= cutoff), default=None)
    if oldest_kept is not None and oldest_kept > min(times):
        older_than = f"TIMESTAMP '{_utc(oldest_kept)}'"
        _call(lake, "expire_snapshots", table=_name(lake, table), older_than=older_than, retain_last="1")


def _remove_orphans(lake: Lake, table: Table, rules: MaintenanceRules) -> int:
    older_than = f"TIMESTAMP '{_utc(int((rules.now - rules.orphan_age).timestamp() * 1000))}'"
    arguments = {"table": _name(lake, table), "older_than": older_than, "prefix_listing": "true"}
    return len(_call(lake, "remove_orphan_files", **arguments))


def _though_files_go(table: Table, step: Callable[[], Done]) -> Done:
    """Return what a step returns, done again where a file of the table's past went while the step read it."""

    def attempt() -> Done:
        try:
            return step()
        except Py4JJavaError as error:
            if _WENT in str(error):
                raise BaseMovedError(f"{table.name}: a file went while its folder was listed") from error
            raise

    return retrying(attempt, on=BaseMovedError, tries=_WENT_TRIES)


def _call(lake: Lake, procedure: str, **arguments: str) -> list[Row]:
    named = ", ".join(f"{name} => {value}" for name, value in arguments.items())
    return lake.spark.sql(f"CALL {CATALOG}.system.{procedure}({named})").collect()


def _name(lake: Lake, table: Table) -> str:
    return f"'{lake.database}.{table.name}'"


def _utc(milliseconds: int) -> str:
    """Return epoch milliseconds as a session whose time zone is UTC writes them."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:03d}"


def _reason(error: Any) -> str:
    java = getattr(error, "java_exception", None)
    return str(java.toString() if java is not None else error).splitlines()[0]
