"""Received events as literals, landed in a lake without job 1: what the tests of job 2 start from."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.ledger import LandingLedgerRow
from contracts.partitions import hour_of
from contracts.tables import LANDING_LEDGER, RECEIVED_EVENTS
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import write_ledger
from spark_jobs.lake.revision import Revision


@dataclass(frozen=True, kw_only=True)
class ReceivedEvent:
    """A row of `received_events`, without its landing hour; what a test does not name is of no matter to it."""

    event_time: datetime
    user_id: str = "ann"
    click_id: str
    event_name: str = "Search"
    product_id: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    received_at: datetime | None = None
    insertion_timestamp: datetime | None = None
    request_id: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None

    @property
    def event_hour(self) -> datetime:
        return hour_of(self.event_time)

    @property
    def arrival(self) -> datetime:
        return self.received_at or self.event_time + timedelta(seconds=1)

    def row(self, landing_hour: datetime) -> tuple[Any, ...]:
        values = {
            **{column.name: None for column in RECEIVED_EVENTS.columns},
            "landing_hour": landing_hour,
            "in_landing_hour": self.event_hour == landing_hour,
            "event_time": self.event_time,
            "received_at": self.arrival,
            "user_id": self.user_id,
            "click_id": self.click_id,
            "event_name": self.event_name,
            "product_id": self.product_id,
            "price": self.price,
            "currency": self.currency,
            "insertion_timestamp": self.insertion_timestamp,
            "request_id": self.request_id,
            "source_ip": self.source_ip,
            "user_agent": self.user_agent,
            "object_key": f"{landing_hour:%Y%m%d%H}",
        }
        return tuple(values.values())


@dataclass(frozen=True, kw_only=True)
class Landing:
    """A landing hour, the version it is noted with, and the events received in it."""

    landing_hour: datetime
    version: str = "v1"
    events: Sequence[ReceivedEvent] = field(default_factory=tuple)

    def ledger_row(self) -> LandingLedgerRow:
        return LandingLedgerRow(
            landing_hour=self.landing_hour,
            input_version=self.version,
            settled=True,
            objects=(),
            unreadable_objects=0,
            bytes=0,
            lines=len(self.events),
            received=len(self.events),
            rejected=0,
            rejected_by_reason={},
            received_by_event_hour=Counter(event.event_hour for event in self.events),
        )


def land(lake: Lake, landings: Collection[Landing]) -> None:
    """Replace landing hours, and their rows of the ledger, as job 1 does."""
    land_events(lake, landings)
    rows = [landing.ledger_row() for landing in landings]
    write_ledger(Revision.of(lake, LANDING_LEDGER), LandingLedgerRow, rows, [row.landing_hour for row in rows])


def land_events(lake: Lake, landings: Collection[Landing]) -> None:
    """Replace landing hours, but not their rows of the ledger: job 1, killed halfway."""
    rows = [event.row(landing.landing_hour) for landing in landings for event in landing.events]
    base = Revision.of(lake, RECEIVED_EVENTS)
    # Two files, as two tasks write them: copies of an event need not be in one.
    files = [file for part in (rows[::2], rows[1::2]) for file in lake.write_rows(RECEIVED_EVENTS, part)]
    base.replace(RECEIVED_EVENTS, files, [landing.landing_hour for landing in landings])
