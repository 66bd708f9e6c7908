"""A range of landing hours → the keys that are stale in it, and, after `reconcile_hours`, the keys that it wrote.

The job writes more than was stale before: each landing hour that it transforms gets a new version, which makes stale
whatever the hour feeds. It wrote those keys whose version is the current one afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.late_events import Deferred
from contracts.names import LakeLocation
from contracts.partitions import PartitionKeyError, hour_key, hours_between, parse_hour_key
from contracts.stages import EVENT_HOURS, LANDING_HOURS, LATER_STAGES, DerivedStage, Key
from contracts.staleness import stale_keys, stale_landing_hours
from pipeline.lake_status.derived import RECONCILED, keys_now, read_inputs, settling
from pipeline.lake_status.store import LedgerStore, open_ledger
from storage.by_hour import landed_between
from storage.location import open_store


@dataclass(frozen=True, kw_only=True)
class Stale:
    """What `reconcile_hours` has to write again, by the stage's name: keys that are due, and so not blocked.

    `deferred` are keys that are left stale for now, with what they lack.
    """

    keys: Mapping[str, tuple[Any, ...]]
    deferred: Mapping[str, Mapping[Any, Deferred]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.keys.values())


def reconciled_range(first: str | None, last: str | None, settled: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last landing hour to reconcile: the keys given, or up to `settled`, the last that is.

    Raises `PartitionKeyError` for a text that is no hour, and for a range that ends before it begins.
    """
    end = parse_hour_key(last) if last else settled
    start = parse_hour_key(first) if first else end - RECONCILED
    if start > end:
        raise PartitionKeyError(f"the range {hour_key(start)} … {hour_key(end)} ends before it begins")
    return start, end


def stale_around(
    lake: LakeLocation, start: datetime, end: datetime, *, settled_end: datetime, defer: bool = False
) -> Stale:
    """Return the stale landing hours of `[start, end)`, and the event hours and days behind them that are due.

    Landing hours from `settled_end` on are still open, and are left to `transform_events`. If that is asked for, what
    lacks few late events is deferred.
    """
    ledger = open_ledger(lake)
    landing = stale_landing_hours(
        hours_between(start, min(end, settled_end)),
        landed_between(open_store(lake.raw_uri), start, end),
        ledger.rows(LANDING_HOURS, start, end),
        lake.events,
    )
    event_hours = keys_now(ledger, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(start, end), defer=defer)
    later = {stage: settling(lake, stage, *stage.fed_by_landing(start, end), defer=defer) for stage in LATER_STAGES}
    found = {
        LANDING_HOURS.name: landing,
        EVENT_HOURS.name: event_hours.due_now(),
        **{stage.name: now.left_behind() for stage, now in later.items()},
    }
    return Stale(
        keys={name: tuple(keys) for name, keys in found.items()},
        deferred={now.stage.name: now.deferred for now in (event_hours, *later.values())},
    )


def reconciled_keys(lake: LakeLocation, stage: DerivedStage[Key, Any], before: Stale) -> list[Key]:
    """Return, in order, the keys that were stale, or are computed from what was written, and that are written.

    A day that only looks back at the users of other days is none of these; the job's log names it.
    """
    return _written_keys(open_ledger(lake), stage, before)


def _written_keys(ledger: LedgerStore, stage: DerivedStage[Key, Any], before: Stale) -> list[Key]:
    touched = {*before.keys.get(stage.name, ()), *stage.reading(_fed_keys(ledger, stage, before))}
    if not touched:
        return []
    inputs, written = read_inputs(ledger, stage, touched)
    stale = stale_keys(inputs, written.values())
    return sorted(key for key in written if key in touched and key not in stale)


def _fed_keys(ledger: LedgerStore, stage: DerivedStage[Key, Any], before: Stale) -> set[Key]:
    """Return the keys that have rows from landing hours that were stale, or from written keys of the stage before."""
    source = stage.source
    if isinstance(source, DerivedStage):
        return {stage.at(key) for key in _written_keys(ledger, source, before)}
    transformed = before.keys.get(source.name, ())
    landed = ledger.rows(source, min(transformed), max(transformed) + source.step) if transformed else []
    return stage.given(row for row in landed if row.key in transformed)
