"""One lake → answers about a stage that is computed from another: which keys are stale, and do their rows hold.

A key of a later stage, a day say, is *there* once every landing hour of it is settled, or since it was written before,
perhaps by hand. It *waits* while one of its event hours is stale: it would be written from half of what has come. A key
that a data check of its input blocks is not *due*, and only a person can have it written. What lacks too few late
events to be worth being written again yet is *deferred* (`contracts.late_events`), and keeps no later key waiting.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Generic

from contracts.late_events import Deferred, deferred_keys
from contracts.ledger import Row
from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, hours_between, key_text, start_of
from contracts.stages import LANDING_HOURS, DerivedStage, Input, Key
from contracts.staleness import due_keys, is_settled, key_to_await, stale_keys
from pipeline.lake_status.checks import check_row, print_blocked, require_checks
from pipeline.lake_status.store import LedgerStore, open_ledger
from storage.by_hour import landed_between
from storage.location import open_store

#: How far `reconcile_hours` looks back by default: the allowed lateness, and a day of S3 delivery retries.
RECONCILED: Final = timedelta(days=8)


@dataclass(frozen=True, kw_only=True)
class KeysNow(Generic[Key, Row]):
    """Consecutive keys, as the ledgers have them now: which are written, what each would be written from now."""

    stage: DerivedStage[Key, Row]
    inputs: Mapping[Key, Input[Key]]
    written: Mapping[Key, Row]
    waiting: frozenset[Key]
    settled: dict[datetime, bool]
    deferred: Mapping[Key, Deferred]

    def stale(self) -> list[Key]:
        """Return the stale keys, in order."""
        return stale_keys(self.inputs, self.written.values())

    def due(self) -> list[Key]:
        """Return the stale keys, in order, except those that a failed data check blocks; print these."""
        due = due_keys(self.inputs, self.written.values())
        print_blocked([key_text(key) for key in self.stale() if key not in due])
        return due

    def due_now(self) -> list[Key]:
        """Return the keys that are due, in order, and not deferred."""
        return [key for key in self.due() if key not in self.deferred]

    def publishable(self) -> list[Key]:
        """Return the keys, in order, that are there and due now, and do not wait."""
        return [
            key for key in self.due_now() if key not in self.waiting and (key in self.written or self.is_settled(key))
        ]

    def left_behind(self) -> list[Key]:
        """Return the publishable keys that no other DAG will write."""
        return [key for key in self.publishable() if self._awaits_nothing(key)]

    def _awaits_nothing(self, key: Key) -> bool:
        awaited = key_to_await(self.stage, self.inputs[key], self.written.get(key))
        return awaited is None or self.is_settled(awaited)

    def is_settled(self, key: Key) -> bool:
        """Return whether every landing hour of a key is settled."""
        return is_settled(self.stage, key, self.settled)


def due_between(ledger: LedgerStore, stage: DerivedStage[Key, Row], start: Key, end: Key) -> list[Key]:
    """Return the stale keys of `[start, end)`, except those that a failed data check blocks; print these."""
    return keys_now(ledger, stage, start, end, defer=False).due()


def is_due(lake: LakeLocation, stage: DerivedStage[Key, Row], key: Key) -> bool:
    """Return whether a key's tables are older than their input, and no data check blocks it."""
    return key in due_between(open_ledger(lake), stage, key, key + stage.step)


def publishable(lake: LakeLocation, stage: DerivedStage[Key, Row], keys: Collection[Key]) -> list[Key]:
    """Return those of the keys, in order, that are there and due now, and do not wait."""
    if not keys:
        return []
    return [key for key in settling(lake, stage, min(keys), max(keys) + stage.step).publishable() if key in keys]


def left_behind(lake: LakeLocation, stage: DerivedStage[Key, Row], start: Key, end: Key) -> list[Key]:
    """Return the keys in `[start, end)`, in order, that are publishable and that no other DAG will write."""
    return settling(lake, stage, start, end).left_behind()


def checked_rows(
    lake: LakeLocation, stage: DerivedStage[Key, Row], key: Key, others: Collection[Key] = ()
) -> list[Row]:
    """Return the ledger's rows of a key and of others written with it; raise `LedgerError` unless all is right.

    A key without events has no row. The row of `key` must exist if it has events; the others may be missing.
    """
    keys = sorted({key, *others})
    ledger = open_ledger(lake)
    inputs, written = read_inputs(ledger, stage, keys)
    checked = [check_row(stage, inputs[each], written.get(each)) for each in keys if each == key or each in written]
    results = ledger.check_results(stage, keys[0], keys[-1])
    rows = [row for row in checked if row]
    for row in rows:
        found = [result for result in results if result.checked_from == start_of(row.key)]
        require_checks(stage.named(row.key), found, row.input_version)
    return rows


def read_inputs(
    ledger: LedgerStore, stage: DerivedStage[Key, Row], keys: Collection[Key]
) -> tuple[Mapping[Key, Input[Key]], Mapping[Key, Row]]:
    """Return the input of each key, and the ledger's rows of the keys around."""
    first, last = min(keys), max(keys)
    source = ledger.rows(stage.source, *stage.feeding(first, last))
    stored = ledger.rows(stage, first - stage.look_back, last + stage.step)
    return stage.inputs(keys, source, stored, ledger.settings), {row.key: row for row in stored}


def settling(
    lake: LakeLocation, stage: DerivedStage[Key, Row], start: Key, end: Key, *, defer: bool = True
) -> KeysNow[Key, Row]:
    """Return the keys of `[start, end)` as they are now; unless some may be deferred, none is."""
    now = keys_now(open_ledger(lake), stage, start, end, defer=defer)
    return replace(now, settled=now.settled | dict.fromkeys(_quiet_hours(lake, now.settled), True))


def keys_now(
    ledger: LedgerStore,
    stage: DerivedStage[Key, Row],
    start: Key,
    end: Key,
    *,
    defer: bool,
    stored: Iterable[Row] | None = None,
) -> KeysNow[Key, Row]:
    """Return the keys of `[start, end)` by the ledgers alone; `stored` are their rows, if they were read already."""
    if stored is None:
        stored = ledger.rows(stage, start - stage.look_back, end)
    source = stage.source
    first, fed_end = stage.feeding(start, end - stage.step)
    if isinstance(source, DerivedStage):
        rows = ledger.rows(source, first - source.look_back, fed_end)
        before = keys_now(ledger, source, source.at(start), source.at(end), defer=defer, stored=rows)
        settled = before.settled
        stale = [key for key in before.stale() if key not in before.deferred]
        waiting = frozenset(stage.at(key) for key in (*stale, *before.waiting))
    else:
        # With the landing hours that decide whether the keys, and the day after them, are over.
        first, fed_end = min(first, start_of(start) - RECONCILED), max(fed_end, start_of(end) + DAY)
        rows = ledger.rows(LANDING_HOURS, first, fed_end)
        settled, waiting = {row.landing_hour: row.settled for row in rows}, frozenset()
    inputs = stage.inputs(stage.between(start, end), rows, stored, ledger.settings)
    last = max((hour for hour in settled if settled[hour]), default=None) if defer else None
    return KeysNow(
        stage=stage,
        inputs=inputs,
        written={row.key: row for row in stored},
        waiting=waiting,
        settled=settled,
        deferred=deferred_keys(stage, inputs, stored, rows, last + HOUR, ledger.settings) if last else {},
    )


def _quiet_hours(lake: LakeLocation, settled: Mapping[datetime, bool]) -> list[datetime]:
    """Return the hours that have neither a row nor an object, and that come before a settled one.

    No run transforms such an hour if Airflow was down when it ended, and it must not keep its day open for good.
    """
    last = max((hour for hour in settled if settled[hour]), default=None)
    gaps = [hour for hour in hours_between(min(settled), last) if hour not in settled] if last else []
    if not gaps:
        return []
    objects = landed_between(open_store(lake.raw_uri), gaps[0], gaps[-1] + HOUR)
    return [hour for hour in gaps if hour not in objects]
