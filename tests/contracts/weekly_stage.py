"""A stage that is computed from days, declared as a product's would be: every walk must take it as it is."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from contracts.ledger import LedgerRow
from contracts.partitions import DAY, day_key, day_of, parse_day_key
from contracts.stages import DAYS, DerivedStage
from contracts.tables import Partition, Table

WEEK_LEDGER = Table(
    name="week_ledger",
    row_is="a week",
    made_from="its days",
    partitions=(Partition(column="week", transform="identity"),),
    sort=("week",),
    columns=(),
)


@dataclass(frozen=True, kw_only=True)
class WeekRow(LedgerRow):
    """A week, named by its Monday."""

    LEDGER: ClassVar = WEEK_LEDGER

    week: date
    events: int


def monday_of(moment: datetime) -> date:
    day = day_of(moment)
    return day - day.weekday() * DAY


WEEKS = DerivedStage(
    name="week",
    key_of=monday_of,
    parse=parse_day_key,
    step=7 * DAY,
    row_type=WeekRow,
    tables=(),
    checks=(),
    volume="events",
    source=DAYS,
    gives=lambda row: {row.day - row.day.weekday() * DAY: row.events},
    reads=range(1),
    version=lambda _, days: hashlib.sha256(
        repr(sorted((day_key(row.day), row.input_version) for row in days if row.events)).encode()
    ).hexdigest(),
    rows="events",
    has_rows="has {now} events",
    has_other_rows="{then} events, but the days that it was made from have {now}",
)
