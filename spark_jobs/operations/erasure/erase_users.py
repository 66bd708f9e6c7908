"""Users → a lake without them, proven object by object; each step may be killed and is done again by the next run.

First they are refused, so that nothing that lands or runs from now on brings them back. Then raw is rewritten, the
tables are made again from it, the tables' past is given up, and everything that is stored is decoded and searched. No
step remembers anything but in the lake: what is left to do is what is still found there.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import SETTLING_MARGIN
from contracts.tables import TABLES
from spark_jobs.operations.erasure.make_again import MadeAgain, make_again
from spark_jobs.operations.erasure.objects_to_search import landing_hours_of, named_objects, objects_to_search
from spark_jobs.operations.erasure.rewrite_objects import Rewritten, rewrite_error_objects, rewrite_raw_objects
from spark_jobs.operations.erasure.search_lake import LONGEST_JOB, Removal, SearchResult, findings, search_lake
from spark_jobs.operations.erasure.sought_users import SoughtUsers
from spark_jobs.operations.erasure.stored_values import warehouse_finding
from spark_jobs.operations.erasure.table_history import expire_history, files_in_use, folder_of, rewrite_manifests
from spark_jobs.progress import progress
from spark_jobs.raw.lake_stores import LakeStores, lake_stores
from spark_jobs.tables.erased_users import add_erased_users
from spark_jobs.tables.table_evolution import ensure_filled_lake

#: Firehose's longest buffer interval: an hour that ended longer ago has all of its objects, whatever the stream's own.
_LONGEST_BUFFER: Final = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """What to do: `alone` says that no other job runs, `discard_unreadable` that what can't be searched may go."""

    users: SoughtUsers
    alone: bool = False
    discard_unreadable: bool = False


@dataclass(frozen=True, kw_only=True)
class ErasureReport:
    """What was done, and what the search at the end found."""

    rewritten: tuple[Rewritten, ...]
    made: MadeAgain
    expired_snapshots: int
    search: SearchResult


def erase_users(
    spark: SparkSession,
    lake: LakeLocation,
    erasure: Erasure,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ErasureReport:
    """Erase users from a lake; the report's `search.survivors` is empty if nothing of them is left."""
    ensure_filled_lake(spark, lake)
    run = _Run(spark=spark, lake=lake, erasure=erasure, clock=clock, started=clock())
    progress("refusing the users' lines from now on")
    add_erased_users(spark, lake, erasure.users.hashes, run.started)
    first = run.erase(named_objects(spark, lake, erasure.users))
    if not first.search.stray:
        return first
    # What no table named: it landed meanwhile, or its rows had expired before it did. It is rewritten like the rest.
    second = run.erase(first.search.stray)
    return _both(first, second)


@dataclass(frozen=True, kw_only=True)
class _Run:
    spark: SparkSession
    lake: LakeLocation
    erasure: Erasure
    clock: Callable[[], datetime]
    started: datetime

    def erase(self, named: Collection[str]) -> ErasureReport:
        """Rewrite the named objects and those that no table knows, make their hours and all stale ones, search."""
        spark, lake, users = self.spark, self.lake, self.erasure.users
        stores = lake_stores(lake)
        rewritten = self._rewrite(stores, named)
        # Those that no run has made yet, too: one that is at it, and has read the lines, then loses to this one.
        hours = landing_hours_of(done.key for done in rewritten)
        made = make_again(spark, lake, users, hours, self.started - _LONGEST_BUFFER - SETTLING_MARGIN)
        expired = _forget_history(spark, lake, stores, users, self.clock)
        progress("searching every object of the lake")
        removal = Removal(
            in_use=files_in_use(spark, lake, stores.warehouse),
            written_before=self.clock() if self.erasure.alone else self.started - LONGEST_JOB,
            discard=self.erasure.discard_unreadable,
        )
        search = search_lake(spark, stores, users, removal)
        return ErasureReport(rewritten=rewritten, made=made, expired_snapshots=expired, search=search)

    def _rewrite(self, stores: LakeStores, named: Collection[str]) -> tuple[Rewritten, ...]:
        """Rewrite raw objects, those that no table knows yet among them, and every error object."""
        spark, users, discard = self.spark, self.erasure.users, self.erasure.discard_unreadable
        raw = objects_to_search(spark, self.lake, stores.raw, named)
        progress(f"rewriting those of {len(raw)} raw objects that hold a user")
        errors = (stored for stored in stores.errors.versions() if stored.current)
        return (
            *rewrite_raw_objects(spark, stores.raw, raw, users, discard=discard),
            *rewrite_error_objects(spark, stores.errors, errors, users, discard=discard),
        )


def _both(first: ErasureReport, second: ErasureReport) -> ErasureReport:
    return ErasureReport(
        rewritten=first.rewritten + second.rewritten,
        made=first.made + second.made,
        expired_snapshots=first.expired_snapshots + second.expired_snapshots,
        search=replace(second.search, removed=first.search.removed + second.search.removed),
    )


def _forget_history(
    spark: SparkSession, lake: LakeLocation, stores: LakeStores, users: SoughtUsers, clock: Callable[[], datetime]
) -> int:
    """Expire every table's past; where manifests still have a user as a bound of a column, write them again."""
    progress("giving up the past of every table")
    expired = expire_history(spark, lake, clock())
    manifests = [stored for stored in stores.warehouse.versions() if stored.current and stored.key.endswith(".avro")]
    holding = [finding.stored.key for finding in findings(spark, stores.warehouse, manifests, warehouse_finding, users)]
    tables = [
        table
        for table in TABLES
        if any(key.startswith(folder_of(spark, lake, stores.warehouse, table)) for key in holding)
    ]
    if tables:
        rewrite_manifests(spark, lake, tables)
        expired += expire_history(spark, lake, clock())
    return expired
