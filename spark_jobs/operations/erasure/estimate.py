"""A lake and users → what erasing them would change, without changing anything: for a person to look at before."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.ledger import LandedHour
from contracts.partitions import HOUR
from contracts.stages import EVENT_HOURS, LATER_STAGES, TABLES
from contracts.tables import REJECTED_EVENTS
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger
from spark_jobs.operations.erasure.followed_links import NO_LINKS, FollowedLinks, LinkReport, follow_links
from spark_jobs.operations.erasure.rewrite import objects_to_search
from spark_jobs.operations.erasure.search import error_finding, findings, past_snapshots, raw_finding
from spark_jobs.operations.erasure.user_matching import (
    SoughtUsers,
    counted_rows,
    users_rows,
)
from spark_jobs.raw.lake_stores import LakeStores


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What an erasure would do; `unknown` are the places, from 1, of the users of whom no table has an event.

    `objects` and `bytes` are to be rewritten; of `landing_hours`, `expired_hours` have lost raw objects. `fed` counts,
    by the stage's name, the keys that these hours feed; `snapshots` and `data_files` are those of the tables' past.
    All of it counts the anonymous ids as well that `links` says are followed.
    """

    rows: Mapping[str, int]
    objects: int
    bytes: int
    unreadable: tuple[str, ...]
    landing_hours: int
    expired_hours: int
    fed: Mapping[str, int]
    snapshots: int
    data_files: int
    unknown: tuple[int, ...]
    links: LinkReport = NO_LINKS

    @property
    def is_empty(self) -> bool:
        """Whether neither a row nor a raw object holds any of the users."""
        return not self.objects and not any(self.rows.values())


def estimate(lake: Lake, stores: LakeStores, users: SoughtUsers, *, follow: bool = False) -> Estimate:
    """Look at the tables, and into the raw and error objects that may hold the users.

    With `follow`, the anonymous ids that go with them are looked for, too.
    """
    links = follow_links(lake, users) if follow else FollowedLinks()
    asked_for, users = users, SoughtUsers(ids=(*users.ids, *links.ids))
    theirs = users_rows(lake, users)
    raw = objects_to_search(lake, stores.raw, theirs.keys)
    errors = [stored for stored in stores.errors.versions() if stored.current]
    found = [
        *findings(lake.spark, stores.raw, raw, raw_finding, users),
        *findings(lake.spark, stores.errors, errors, error_finding, users),
    ]
    held = [finding.stored for finding in found if finding.held]
    rows, known = counted_rows(lake, users)
    snapshots, data_files = _past(lake)
    present = {stored.key for stored in raw}
    return Estimate(
        rows={**rows, REJECTED_EVENTS.name: theirs.rejected.rows.total()},
        objects=len(held),
        bytes=sum(stored.size for stored in held),
        unreadable=tuple(finding.stored.key for finding in found if finding.unreadable),
        landing_hours=len(theirs.hours),
        expired_hours=len(
            {hour for hour, key in {**theirs.received.rows, **theirs.rejected.rows} if key not in present}
        ),
        fed=_fed(lake, theirs.hours),
        snapshots=snapshots,
        data_files=data_files,
        unknown=tuple(place for place, user_hash in enumerate(asked_for.hashes_in_order, 1) if user_hash not in known),
        links=links.report,
    )


def _fed(lake: Lake, hours: Collection[datetime]) -> Mapping[str, int]:
    """Return, by the stage's name, how many keys landing hours feed, one through another: all of them become stale."""
    landed = read_ledger(lake, LandedHour, min(hours), max(hours) + HOUR) if hours else []
    fed: dict[str, set[Any]] = {EVENT_HOURS.name: EVENT_HOURS.given(row for row in landed if row.landing_hour in hours)}
    for stage in LATER_STAGES:
        fed[stage.name] = stage.reading(map(stage.at, fed[stage.source.name]))
    return {name: len(keys) for name, keys in fed.items()}


def _past(lake: Lake) -> tuple[int, int]:
    """Return the snapshots that are not current, and the data files that only they refer to."""
    snapshots = files = 0
    for table in TABLES:
        past = past_snapshots(lake.handle(table))
        if past:
            current = lake.read_metadata(table, "files").select("file_path")
            files += lake.read_metadata(table, "all_files").select("file_path").distinct().subtract(current).count()
        snapshots += past
    return snapshots, files
