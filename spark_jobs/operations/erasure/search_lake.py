"""A lake → every object in it that holds a sought user; all of raw, errors and warehouse, each object decoded.

What holds one and is nobody's (a noncurrent version, a file that a killed job left behind) is removed on the way, so
that one pass over the lake is both the last step of an erasure and its proof.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from pyspark.sql import SparkSession

from spark_jobs.operations.erasure.in_tasks import in_tasks
from spark_jobs.operations.erasure.sought_users import SoughtUsers
from spark_jobs.operations.erasure.stored_values import Finding, error_finding, raw_finding, warehouse_finding
from spark_jobs.operations.erasure.table_history import FilesInUse
from spark_jobs.raw.lake_stores import LakeStores
from storage.object_store import ObjectStore, StoredObject

#: A file of the warehouse that is part of no table may be one that a running job has not committed yet, unless it is
#: older than any job takes.
LONGEST_JOB: Final = timedelta(hours=24)

Find = Callable[[ObjectStore, SoughtUsers, StoredObject], Finding | None]


@dataclass(frozen=True, kw_only=True)
class Survivor:
    """An object that still holds a user, or can't be searched, and what to do about it."""

    key: str
    why: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search of the whole lake found and did.

    `stray` are the raw and error objects among the survivors that can be rewritten: nobody named them. `mentioned` are
    other users' events that name a user.
    """

    survivors: tuple[Survivor, ...]
    stray: tuple[str, ...]
    removed: tuple[str, ...]
    mentioned: int


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What may be removed: leftovers last written before `written_before`, and, by `discard`, unreadable versions."""

    in_use: FilesInUse
    written_before: datetime
    discard: bool


def search_lake(spark: SparkSession, stores: LakeStores, users: SoughtUsers, removal: Removal) -> SearchResult:
    """Search everything, remove what is nobody's, and return what is left."""
    survivors: list[Survivor] = []
    stray: list[str] = []
    removed: list[str] = []
    mentioned = 0
    for store, find, remedy in _searches(stores, removal.in_use):
        for finding in findings(spark, store, store.versions(), find, users):
            mentioned += finding.mentioned if finding.stored.current else 0
            if not finding.held and not finding.unreadable:
                continue
            if _may_go(finding, removal, in_warehouse=store == stores.warehouse):
                store.delete(finding.stored)
                removed.append(str(finding.stored))
                continue
            survivors.append(_survivor(finding, remedy(finding)))
            if finding.stored.current and finding.held and store != stores.warehouse:
                stray.append(finding.stored.key)
    return SearchResult(survivors=tuple(survivors), stray=tuple(stray), removed=tuple(removed), mentioned=mentioned)


def findings(
    spark: SparkSession, store: ObjectStore, objects: Iterable[StoredObject], find: Find, users: SoughtUsers
) -> Iterator[Finding]:
    """Yield what is found in objects of a store."""
    return in_tasks(spark, objects, partial(find, store, users))


def _searches(stores: LakeStores, in_use: FilesInUse) -> Iterator[tuple[ObjectStore, Find, Callable[[Finding], str]]]:
    yield stores.raw, raw_finding, _remedy_of_line
    yield stores.errors, error_finding, _remedy_of_line
    yield stores.warehouse, warehouse_finding, partial(_remedy_of_file, in_use)


def _may_go(finding: Finding, removal: Removal, *, in_warehouse: bool) -> bool:
    if not finding.stored.current:
        return removal.discard or not finding.unreadable
    left_over = in_warehouse and removal.in_use.are_left_over(finding.stored.key)
    return left_over and finding.stored.modified < removal.written_before


def _survivor(finding: Finding, remedy: str) -> Survivor:
    if finding.unreadable:
        why = f"can't be searched: {finding.unreadable}"
    else:
        why = f"holds a user in {finding.held} lines or rows"
    return Survivor(key=str(finding.stored), why=why, remedy=remedy)


def _remedy_of_line(finding: Finding) -> str:
    if finding.unreadable:
        return "put a sound object in its place, or pass --discard-unreadable to empty it; then run the erasure again"
    return "it landed while the erasure ran: run the erasure again"


def _remedy_of_file(in_use: FilesInUse, finding: Finding) -> str:
    key = finding.stored.key
    if key in in_use.keys:
        return "it is part of a table: run the erasure again, when no other job writes to the lake"
    if in_use.are_left_over(key):
        return (
            "it is part of no table: left behind by a job that was killed, or written by one that still runs; when "
            "none runs, pass --alone and run the erasure again"
        )
    return "it belongs to no table of this database: remove it by hand, if it is of no use"
