"""Users → a lake without them, proven object by object; each step may be killed and is done again by the next run.

First they are refused, so that nothing that lands or runs from now on brings them back. Then raw is rewritten, the
tables are made again from it, the tables' past is given up, and everything that is stored is decoded and searched. No
step remembers anything but in the lake: what is left to do is what is still found there.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.partitions import SETTLING_MARGIN
from contracts.stages import TABLES
from spark_jobs.lake.erased_users import add_erased_users
from spark_jobs.lake.evolution import ensure_filled_lake
from spark_jobs.lake.lake import Lake
from spark_jobs.operations.erasure.followed_links import NO_LINKS, FollowedLinks, LinkReport, follow_links
from spark_jobs.operations.erasure.rebuild import Rebuilt, rebuild
from spark_jobs.operations.erasure.rewrite import (
    Rewritten,
    landing_hours_of,
    objects_to_search,
    rewrite_error_objects,
    rewrite_raw_objects,
)
from spark_jobs.operations.erasure.search import (
    LONGEST_JOB,
    Removal,
    SearchResult,
    expire_history,
    files_in_use,
    findings,
    folder_of,
    rewrite_manifests,
    search_lake,
    warehouse_finding,
)
from spark_jobs.operations.erasure.user_matching import SoughtUsers, users_rows
from spark_jobs.progress import progress
from spark_jobs.raw.lake_stores import LakeStores, lake_stores

#: Firehose's longest buffer interval: an hour that ended longer ago has all of its objects, whatever the stream's own.
_LONGEST_BUFFER: Final = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """What to do: `alone` says that no other job runs, `discard_unreadable` that what can't be searched may go.

    With `follow_links` the anonymous ids go, too, that `identity_links` connects with these users and nobody else.
    """

    users: SoughtUsers
    alone: bool = False
    discard_unreadable: bool = False
    follow_links: bool = False


@dataclass(frozen=True, kw_only=True)
class ErasureReport:
    """What was done, and what the search at the end found; `links` says which anonymous ids went with the users.

    With `users_waiting` something of those is left, and so the users themselves were not erased yet.
    """

    rewritten: tuple[Rewritten, ...]
    made: Rebuilt
    expired_snapshots: int
    search: SearchResult
    links: LinkReport = NO_LINKS
    users_waiting: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left, and everything was made again."""
        return not self.search.survivors and not self.made.problems


def erase_users(
    lake: Lake,
    erasure: Erasure,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ErasureReport:
    """Erase users from a lake; the report's `search.survivors` is empty if nothing of them is left.

    What is followed goes first, and wholly: the users' own events say which ids these are, and the run after one that
    was killed, or that left something, must find them again.
    """
    ensure_filled_lake(lake)
    links = follow_links(lake, erasure.users) if erasure.follow_links else FollowedLinks()
    if not links.ids:
        return replace(_erase(lake, erasure, clock), links=links.report)
    progress(f"erasing {len(links.ids)} anonymous ids of the users first")
    followed = _erase(lake, replace(erasure, users=SoughtUsers(ids=links.ids)), clock)
    if not followed.is_complete:
        return replace(followed, links=links.report, users_waiting=True)
    return replace(_both(followed, _erase(lake, erasure, clock)), links=links.report)


def _erase(lake: Lake, erasure: Erasure, clock: Callable[[], datetime]) -> ErasureReport:
    run = _Run(lake=lake, erasure=erasure, clock=clock, started=clock())
    progress("refusing the users' lines from now on")
    add_erased_users(lake, erasure.users.hashes, run.started)
    first = run.erase(users_rows(lake, erasure.users).keys)
    if not first.search.stray:
        return first
    # What no table named: it landed meanwhile, or its rows had expired before it did. It is rewritten like the rest.
    second = run.erase(first.search.stray)
    return _both(first, second)


@dataclass(frozen=True, kw_only=True)
class _Run:
    lake: Lake
    erasure: Erasure
    clock: Callable[[], datetime]
    started: datetime

    def erase(self, named: Collection[str]) -> ErasureReport:
        """Rewrite the named objects and those that no table knows, make their hours and all stale ones, search."""
        lake, users = self.lake, self.erasure.users
        stores = lake_stores(lake)
        rewritten = self._rewrite(stores, named)
        # Those that no run has made yet, too: one that is at it, and has read the lines, then loses to this one.
        hours = landing_hours_of(done.key for done in rewritten)
        made = rebuild(lake, users, hours, self.started - _LONGEST_BUFFER - SETTLING_MARGIN)
        expired = _forget_history(lake, stores, users, self.clock)
        progress("searching every object of the lake")
        removal = Removal(
            in_use=files_in_use(lake, stores.warehouse),
            written_before=self.clock() if self.erasure.alone else self.started - LONGEST_JOB,
            discard=self.erasure.discard_unreadable,
        )
        search = search_lake(lake.spark, stores, users, removal)
        return ErasureReport(rewritten=rewritten, made=made, expired_snapshots=expired, search=search)

    def _rewrite(self, stores: LakeStores, named: Collection[str]) -> tuple[Rewritten, ...]:
        """Rewrite raw objects, those that no table knows yet among them, and every error object."""
        spark, users, discard = self.lake.spark, self.erasure.users, self.erasure.discard_unreadable
        raw = objects_to_search(self.lake, stores.raw, named)
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


def _forget_history(lake: Lake, stores: LakeStores, users: SoughtUsers, clock: Callable[[], datetime]) -> int:
    """Expire every table's past; where manifests still have a user as a bound of a column, write them again."""
    progress("giving up the past of every table")
    expired = expire_history(lake, clock())
    manifests = [stored for stored in stores.warehouse.versions() if stored.current and stored.key.endswith(".avro")]
    holding = [
        finding.stored.key for finding in findings(lake.spark, stores.warehouse, manifests, warehouse_finding, users)
    ]
    tables = [
        table for table in TABLES if any(key.startswith(folder_of(lake, stores.warehouse, table)) for key in holding)
    ]
    if tables:
        rewrite_manifests(lake, tables)
        expired += expire_history(lake, clock())
    return expired
