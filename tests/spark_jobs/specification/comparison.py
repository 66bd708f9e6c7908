"""Tables of a lake, and the same tables by the specification → the rows in which they differ."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints

from contracts.stages import TABLES
from contracts.tables import RECEIVED_EVENTS, Table
from spark_jobs.lake.lake import Lake
from tests.spark_jobs.table_rows import table_rows
from tests.specification.fields import normal_text
from tests.specification.json_values import parse
from tests.specification.judgement import Event
from tests.specification.lake import Lake as SpecifiedLake
from tests.specification.lake import lake

#: What the specification does not say: wording, versions, sizes, and checks.
UNSPECIFIED: Mapping[str, frozenset[str]] = {
    "rejected_events": frozenset({"detail"}),
    "landing_ledger": frozenset({"input_version", "settled", "unreadable_objects", "bytes", "failed_checks"}),
    "event_ledger": frozenset({"input_version", "failed_checks"}),
    "day_ledger": frozenset({"input_version", "events_version", "users_fingerprint", "id_sample", "failed_checks"}),
    "week_ledger": frozenset({"input_version", "failed_checks"}),
}

Row = tuple[tuple[str, Hashable], ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A row that only one side has."""

    table: str
    side: str
    row: Row

    def __str__(self) -> str:
        return f"{self.table} {self.side}: " + ", ".join(f"{name}={value}" for name, value in self.row)


def specified_lake(
    lines: Sequence[Any], stored_in: Lake, is_crawler: Callable[[str], bool], *, currency: str | None = None
) -> SpecifiedLake:
    """Return the specification's tables; it is the lake's `received_events` that say how `extra` is spelled."""
    names = [field.name for field in fields(Event)]
    spelled: dict[Row, str] = {}
    for stored in _rows(stored_in, RECEIVED_EVENTS):
        if stored["extra"] is not None:
            event = _row({name: _readable(stored)[name] for name in names})
            spelled[event] = min(stored["extra"], spelled.get(event, stored["extra"]))

    def spelling(event: Event) -> str:
        return spelled.get(_row({name: getattr(event, name) for name in names}), "")

    return lake(lines, spelling, is_crawler, currency=currency, per_site=stored_in.events.ids_per_site)


def differences(specified: SpecifiedLake, stored_in: Lake, tables: Iterable[Table]) -> list[Difference]:
    """Return every row that a table has too much or lacks."""
    found: list[Difference] = []
    for table in tables:
        left_out = UNSPECIFIED.get(table.name, frozenset())
        made = Counter(_row(values, left_out) for values in stored_rows(stored_in, table))
        wanted = Counter(_row(vars(row)) for row in getattr(specified, table.name))
        found += [Difference(table=table.name, side="only in Spark", row=row) for row in (made - wanted).elements()]
        found += [Difference(table=table.name, side="only specified", row=row) for row in (wanted - made).elements()]
    return found


def stored_rows(stored_in: Lake, table: Table = RECEIVED_EVENTS) -> list[dict[str, Any]]:
    """Return a table's rows by column."""
    return [_readable(row) for row in _rows(stored_in, table)]


def specified_tables() -> tuple[Table, ...]:
    """Return the tables that the specification defines."""
    names = {field.name for field in fields(SpecifiedLake)}
    return tuple(table for table in TABLES if table.name in names)


def specified_columns(table: Table) -> set[str]:
    """Return the columns that the specification gives to a table."""
    (row,) = get_args(get_type_hints(SpecifiedLake)[table.name])
    return {field.name for field in fields(row)}


def _rows(stored_in: Lake, table: Table) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table_rows(stored_in, table)]


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with `extra` in its normal text: its spelling is the jobs' own."""
    if row.get("extra") is None:
        return row
    json = parse(row["extra"].encode())
    return {**row, "extra": row["extra"] if json is None else normal_text(json.value)}


def _row(values: Mapping[str, Any], left_out: frozenset[str] = frozenset()) -> Row:
    return tuple(sorted((name, _hashable(value)) for name, value in values.items() if name not in left_out))


def _hashable(value: Any) -> Hashable:
    match value:
        case dict():
            return tuple(sorted(value.items()))
        case list():
            return tuple(value)
        case bytearray():
            return bytes(value)
        case _:
            return value  # type: ignore[no-any-return]
