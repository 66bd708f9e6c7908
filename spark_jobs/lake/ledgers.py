"""The ledgers of a lake, read and written as dataclasses by `contracts.ledger`.

A job writes its rows of the ledger with its last commit.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic

from contracts.late_events import Deferred, deferred_keys
from contracts.ledger import LedgerRow, Row, columns_of, key_column, row_of, stored_row
from contracts.stages import DerivedStage, Input, Key
from contracts.staleness import stale_keys
from contracts.tables import Table
from spark_jobs.lake.arrow_types import column_names
from spark_jobs.lake.filters import between
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.revision import Revision


@dataclass(frozen=True, kw_only=True)
class Aggregated(Generic[Key, Row]):
    """What a run of a later stage did: ledger rows of the keys computed from their source, and of others refreshed.

    `unchanged` are the keys asked for whose input had not changed, or that never had an event; `held_back` those that
    were left, since a data check failed in what they would be computed from.
    """

    written: tuple[Row, ...] = ()
    refreshed: tuple[Row, ...] = ()
    unchanged: tuple[Key, ...] = ()
    held_back: tuple[Key, ...] = ()


def read_ledger(lake: Lake, row_type: type[Row], start: date, end: date) -> list[Row]:
    """Return a ledger's rows of the hours or days in `[start, end)`, in order."""
    key = key_column(row_type)
    stored = lake.rows(row_type.LEDGER, between(key, start, end), *columns_of(row_type))
    rows = (row_of(row_type, values) for values in stored if start <= values[key] < end)
    return sorted(rows, key=lambda row: row.key)


def write_ledger(
    base: Revision,
    row_type: type[Row],
    rows: Collection[Row],
    keys: Collection[date],
    *,
    figures: Mapping[str, int] | None = None,
) -> None:
    """Replace the ledger's rows of the hours or days `keys`: one that has no row here has none afterwards."""
    table = row_type.LEDGER
    files = base.lake.write_rows(table, [_values(row, table) for row in rows])
    if table.partitions[0].transform == "identity":
        base.replace_days(table, files, keys, figures=figures)
    else:
        base.replace(table, files, [key for key in keys if isinstance(key, datetime)], figures=figures)


@dataclass(frozen=True, kw_only=True)
class KnownKeys(Generic[Key, Row]):
    """The keys of a range that have rows in their source or a row of their own, in order, each with its input now.

    `stored` are these rows, and those of the keys that these look back at; `deferred` keys are stale and left for now.
    """

    inputs: Mapping[Key, Input[Key]]
    stored: Mapping[Key, Row]
    deferred: Mapping[Key, Deferred]

    def stale(self) -> list[Key]:
        """Return, in order, the stale keys that are not deferred."""
        return [key for key in stale_keys(self.inputs, self.stored.values()) if key not in self.deferred]


def read_known_keys(
    lake: Lake, stage: DerivedStage[Key, Row], start: Key, end: Key, *, defer_by: datetime | None = None
) -> KnownKeys[Key, Row]:
    """Return the known keys in `[start, end)`; without `defer_by`, the end of settled hours, none is deferred."""
    source = read_ledger(lake, stage.source.row_type, *stage.feeding(start, end - stage.step))
    stored = {row.key: row for row in read_ledger(lake, stage.row_type, start - stage.look_back, end)}
    known = sorted(key for key in {*stage.given(source), *stored} if start <= key < end)
    inputs = stage.inputs(known, source, stored.values(), lake.events)
    deferred = deferred_keys(stage, inputs, stored.values(), source, defer_by, lake.events) if defer_by else {}
    return KnownKeys(inputs=inputs, stored=stored, deferred=deferred)


def known_inputs(
    lake: Lake, stage: DerivedStage[Key, Row], start: Key, end: Key
) -> tuple[Mapping[Key, Input[Key]], Mapping[Key, Row]]:
    """Return the inputs of the known keys in `[start, end)`, and the rows stored of them."""
    known = read_known_keys(lake, stage, start, end)
    return known.inputs, known.stored


def known_keys(lake: Lake, stage: DerivedStage[Key, Row], start: Key, end: Key) -> list[Key]:
    """Return, in order, the keys in `[start, end)` that have rows in their source or were computed before."""
    return list(read_known_keys(lake, stage, start, end).inputs)


def stale_between(lake: Lake, stage: DerivedStage[Key, Row], start: Key, end: Key) -> list[Key]:
    """Return, in order, the stale keys in `[start, end)`."""
    return read_known_keys(lake, stage, start, end).stale()


def _values(row: LedgerRow, table: Table) -> tuple[object, ...]:
    stored = stored_row(row)
    return tuple(stored[name] for name in column_names(table))
