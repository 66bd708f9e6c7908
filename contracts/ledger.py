"""Rows of the ledgers: what was computed, from which version of its input, and how well.

A row is the last commit of a run. So an hour whose run died halfway keeps its old version, is seen to be stale, and is
computed again. Each class below is a row of one table, as far as its readers need it: its fields are columns of that
table, by name. `stored_row` and `row_of` map between the two, for Spark's jobs and for the DAGs.

`failed_checks` counts the data checks of severity `fail` that did not hold; a row that is not checked yet has none.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, ClassVar, Final, TypeVar

from contracts.partitions import hour_key, parse_hour_key
from contracts.tables import DAY_LEDGER, EVENT_LEDGER, LANDING_LEDGER, Table

#: The version of a key whose first run has begun; no input has it, so it is stale.
UNFINISHED: Final = "unfinished"

_LOAD: Final = "load"
_STORE: Final = "store"


def _converted(load: Callable[[Any], Any], store: Callable[[Any], Any]) -> Any:
    """Return a field whose value differs from what a table reader gives and a writer takes."""
    return field(metadata={_LOAD: load, _STORE: store})


def _pairs(stored: Mapping[str, int] | Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return a map, which pyarrow gives as pairs."""
    return dict(stored)


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """What every ledger says of an hour, a day or a week."""

    LEDGER: ClassVar[Table]

    input_version: str
    failed_checks: int = 0

    @property
    def key(self) -> Any:
        """Return the hour or the day."""
        return getattr(self, key_column(type(self)))


@dataclass(frozen=True, kw_only=True)
class LandedHour(LedgerRow):
    """What the landing ledger says of one landing hour: its version, and the rows it gave to each event hour."""

    LEDGER: ClassVar = LANDING_LEDGER

    landing_hour: datetime
    received_by_event_hour: Mapping[datetime, int] = _converted(
        lambda stored: {parse_hour_key(key): rows for key, rows in _pairs(stored).items()},
        lambda received: [(hour_key(hour), rows) for hour, rows in received.items()],
    )


@dataclass(frozen=True, kw_only=True)
class LandingRow(LandedHour):
    """A landing hour, as its last transform left it: lines = received + rejected."""

    settled: bool
    unreadable_objects: int
    lines: int
    received: int
    rejected: int


@dataclass(frozen=True, kw_only=True)
class LandingLedgerRow(LandingRow):
    """A landing hour with all columns of its row: also the raw objects that it was computed from."""

    objects: tuple[str, ...] = _converted(tuple, list)
    bytes: int
    rejected_by_reason: Mapping[str, int] = _converted(_pairs, lambda reasons: list(reasons.items()))
    #: Rows of before the column was there have none.
    unread_by_field: Mapping[str, int] = field(
        default_factory=dict,
        metadata={_LOAD: lambda stored: _pairs(stored or {}), _STORE: lambda unread: list(unread.items())},
    )


@dataclass(frozen=True, kw_only=True)
class EventRow(LedgerRow):
    """An event hour, as its last aggregation left it: received = clean + duplicates."""

    LEDGER: ClassVar = EVENT_LEDGER

    event_hour: datetime
    received: int
    clean: int
    duplicates: int


@dataclass(frozen=True, kw_only=True)
class DayRow(LedgerRow):
    """A day, as its last aggregation left it; `users_fingerprint` is what later days depend on."""

    LEDGER: ClassVar = DAY_LEDGER

    day: date
    events_version: str
    events: int
    users: int
    sessions: int
    users_fingerprint: str


@dataclass(frozen=True, kw_only=True)
class DayLedgerRow(DayRow):
    """A day with all columns of its row: also a sample of its events' ids, which days computed before it have not."""

    id_sample: bytes | None = None


Row = TypeVar("Row", bound=LedgerRow)


def key_column(row_type: type[LedgerRow]) -> str:
    """Return the column that names the hour or the day of a row."""
    return row_type.LEDGER.partitions[0].column


def columns_of(row_type: type[LedgerRow]) -> list[str]:
    """Return the columns that a reader of such rows must select."""
    return [column.name for column in fields(row_type)]


def row_of(row_type: type[Row], stored: Mapping[str, Any]) -> Row:
    """Return the row of a table's values by column, with aware times, lists, and maps as mappings or pairs."""
    return row_type(**{f.name: f.metadata.get(_LOAD, _same)(stored[f.name]) for f in fields(row_type)})


def stored_row(row: LedgerRow) -> dict[str, Any]:
    """Return a row's values by column, as pyarrow takes them."""
    return {f.name: f.metadata.get(_STORE, _same)(getattr(row, f.name)) for f in fields(row)}


def _same(value: Any) -> Any:
    return value
