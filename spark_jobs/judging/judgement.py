"""What becomes of a raw line: an event as received, or a rejection; and the Arrow schemas of many of either.

Both are a table's columns without those that the line does not determine (its landing hour, its object's key, and the
hash that Spark makes of the whole row).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import pyarrow as pa

from contracts.rejections import RejectionReason
from contracts.tables import RECEIVED_EVENTS, REJECTED_EVENTS, ColumnType, Table


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A valid event, typed; the fields are columns of `received_events`."""

    event_time: datetime
    received_at: datetime
    user_id: str
    click_id: str
    event_name: str
    pixel_id: str | None
    product_id: str | None
    price: Decimal | None
    time_on_data: float | None
    percent_viewed: float | None
    insertion_timestamp: datetime | None
    user_ip: str | None
    source_ip: str | None
    user_agent: str | None
    request_id: str | None
    extra: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A line that is no event; the fields are columns of `rejected_events`. `line` is None for an unreadable object."""

    rejection_reason: RejectionReason
    detail: str
    line: bytes | None
    received_at: datetime | None


class RefusedError(ValueError):
    """A line breaks a rule of the contract: how the judge's parts tell it the reason and the detail."""

    def __init__(self, reason: RejectionReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


_ARROW_TYPES: Final[dict[ColumnType, pa.DataType]] = {
    "string": pa.string(),
    "binary": pa.binary(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "double": pa.float64(),
    "decimal(18,2)": pa.decimal128(18, 2),
}


def _arrow_schema(table: Table, names: tuple[str, ...]) -> pa.Schema:
    columns = [table.column(name) for name in names]
    return pa.schema([pa.field(column.name, _ARROW_TYPES[column.type], column.nullable) for column in columns])


RECEIVED_SCHEMA: Final = _arrow_schema(RECEIVED_EVENTS, tuple(Received.__slots__))
REJECTED_SCHEMA: Final = _arrow_schema(REJECTED_EVENTS, tuple(Rejected.__slots__))

_ORIGIN: Final = ("landing_hour", "object_key")
EVENT_HASH: Final = pa.field("event_hash", pa.int64(), nullable=False)
#: All columns of `received_events`, in the order in which the judges' parts add them.
RECEIVED_ROW_SCHEMA: Final = pa.schema([*RECEIVED_SCHEMA, *_arrow_schema(RECEIVED_EVENTS, _ORIGIN), EVENT_HASH])
