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
from contracts.tables import RECEIVED_EVENTS, REJECTED_EVENTS, Table
from spark_jobs.lake.types import arrow_schema


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


def _columns(table: Table, names: tuple[str, ...]) -> pa.Schema:
    return arrow_schema(table.column(name) for name in names)


RECEIVED_SCHEMA: Final = _columns(RECEIVED_EVENTS, tuple(Received.__slots__))
REJECTED_SCHEMA: Final = _columns(REJECTED_EVENTS, tuple(Rejected.__slots__))
