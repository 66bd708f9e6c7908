"""Each stage of the pipeline, declared once: what its key is, which tables it writes, and what feeds which key.

A landing hour is computed from raw objects, an event hour from landing hours, a day from event hours. Staleness,
reconciling, publication, the data checks and a replay walk these declarations, so a stage that is computed from an
earlier one needs nothing but its own.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Final, Generic, TypeVar

from contracts.data_checks import DAY_CHECKS, EVENT_HOUR_CHECKS, LANDING_HOUR_CHECKS, DataCheck, Severity
from contracts.event_settings import DEFAULTS, EventSettings
from contracts.ledger import DayRow, EventRow, LandingRow, LedgerRow, Row
from contracts.partitions import (
    DAY,
    HOUR,
    PartitionKeyError,
    day_key,
    day_of,
    hour_of,
    key_text,
    parse_day_key,
    parse_hour_key,
    start_of,
)
from contracts.rules import DAYS_LOOKED_BACK_AT, HOURS_LOOKED_BACK_AT
from contracts.tables import (
    CLEAN_EVENTS,
    DAILY_TABLES,
    DATA_CHECKS,
    ERASED_USERS,
    HOURLY_TABLES,
    RECEIVED_EVENTS,
    REJECTED_EVENTS,
    SCALING_DECISIONS,
    Table,
)
from contracts.tables.weekly import WEEK_LEDGER, WEEKLY_TRAFFIC
from contracts.versions import (
    day_events_version,
    day_input_version,
    digest,
    event_hour_input_version,
    event_hours_fed_by,
    landing_hours_feeding,
)

Key = TypeVar("Key", bound=date)

_EXAMPLE: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Input(Generic[Key]):
    """What a key would be computed from now: the versions, and the rows that it must find in the stage before.

    `source_version` covers the keys of the stage before, `input_version` also the keys that it looks back at. The key
    is held back if a data check failed in one of those that `source_version` covers.
    """

    key: Key
    source_version: str
    input_version: str
    rows: int
    held_back: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage(Generic[Key, Row]):
    """A stage: the keys that its runs compute, their rows in its ledger, its tables and its data checks.

    A key stands for the time from its start to the next key, `step` later; `key_of` returns the key of a moment. The
    column `volume` of the ledger is what data checks compare with other weeks.
    """

    name: str
    key_of: Callable[[datetime], Key]
    parse: Callable[[str], Key]
    step: timedelta
    row_type: type[Row]
    tables: tuple[Table, ...]
    checks: tuple[DataCheck, ...]
    volume: str

    @property
    def title(self) -> str:
        """Return what a key is called, for a person."""
        return self.name.replace("_", " ")

    @property
    def unit(self) -> str:
        """Return what a key is in short: an hour, a day or a week."""
        return self.name.split("_")[-1]

    @property
    def written(self) -> tuple[Table, ...]:
        """Return the tables that a run writes, the ledger last."""
        return (*self.tables, self.row_type.LEDGER)

    @property
    def example(self) -> str:
        """Return a key as text, for messages and forms."""
        return key_text(self.key_of(_EXAMPLE))

    def named(self, key: Key) -> str:
        """Return a key's name for a person, e.g. `event hour 2026-11-22T10`."""
        return f"{self.title} {key_text(key)}"

    def at(self, other: date) -> Key:
        """Return the key in which a key of another stage starts."""
        return self.key_of(start_of(other))

    def between(self, start: Key, end: Key) -> list[Key]:
        """Return the keys of `[start, end)`, in order."""
        return [start + number * self.step for number in range(-((start - end) // self.step))]

    def fed_by_landing(self, start: datetime, end: datetime) -> tuple[Key, Key]:
        """Return `[first, end)` of the keys that one of the landing hours in `[start, end)` can feed."""
        return self.at(start), self.at(end)


@dataclass(frozen=True, kw_only=True, eq=False)
class DerivedStage(Stage[Key, Row]):
    """A stage that is computed from the keys of an earlier one.

    `gives` says how many rows a key of the source, by its row of the ledger, gives to each key. A key is computed from
    its own rows and those of the keys beside it that `reads` counts in steps. `version` is the hash of the source's
    ledger rows that it reads, and of the settings, unless the versions in these rows have them; a key that also
    depends on what its own ledger says of the `look_back` before it has `look_back_version`, which extends that hash.
    Of the ledger's columns, `rows` counts what a run found in the source, and `noted_version` is the hash of that.
    `has_rows` and `has_other_rows` say for a person how many rows there are, and that the ledger counts others.
    """

    source: Stage[Any, Any]
    gives: Callable[[Any], Mapping[Key, int]]
    reads: range
    version: Callable[[Key, Iterable[Any], EventSettings], str]
    rows: str
    has_rows: str
    has_other_rows: str
    noted_version: str = "input_version"
    look_back: timedelta = timedelta(0)
    look_back_version: Callable[[Key, str, Iterable[Row]], str] = lambda _key, version, _rows: version

    def rows_of(self, row: Row) -> int:
        """Return the rows of the source that a row of the ledger was computed from."""
        return int(getattr(row, self.rows))

    def read_by(self, key: Key) -> list[Key]:
        """Return the keys whose rows a key is computed from: itself, and those beside it."""
        return [key + steps * self.step for steps in self.reads]

    def reading(self, keys: Iterable[Key]) -> set[Key]:
        """Return the keys that are computed from rows of the given ones: the other way round of `read_by`."""
        return {key - steps * self.step for key in keys for steps in self.reads}

    def given(self, rows: Iterable[LedgerRow]) -> set[Key]:
        """Return the keys to which rows of the source's ledger give rows."""
        return {key for row in rows for key, count in self.gives(row).items() if count}

    def feeding(self, first: Key, last: Key) -> tuple[Any, Any]:
        """Return `[start, end)` of the source's keys that can feed one of the keys from `first` to `last`."""
        return self.source.at(min(self.read_by(first))), self.source.at(max(self.read_by(last)) + self.step)

    def fed_by(self, start: Any, end: Any) -> tuple[Key, Key]:
        """Return `[first, end)` of the keys that one of the source's keys in `[start, end)` can feed."""
        around = self.reading([self.at(start), self.at(end - self.source.step)])
        return min(around), max(around) + self.step

    def fed_by_landing(self, start: datetime, end: datetime) -> tuple[Key, Key]:
        return self.fed_by(*self.source.fed_by_landing(start, end))

    def inputs(
        self,
        keys: Iterable[Key],
        source: Iterable[LedgerRow],
        stored: Iterable[Row] = (),
        settings: EventSettings = DEFAULTS,
    ) -> dict[Key, Input[Key]]:
        """Return the input of each key, by the ledgers as they are.

        `source` must hold (at least) the rows of the keys `feeding` each, `stored` those that it looks back at. A key
        before that is stale itself counts as it was computed last: once computed again, it makes others stale.
        """
        giving: dict[Key, list[LedgerRow]] = defaultdict(list)
        rows: Counter[Key] = Counter()
        for row in source:
            for key, count in self.gives(row).items():
                giving[key].append(row)
                rows[key] += count
        noted = {row.key: row for row in stored}
        return {key: self._input(key, giving, rows[key], noted, settings) for key in keys}

    def _input(
        self,
        key: Key,
        giving: Mapping[Key, Collection[LedgerRow]],
        rows: int,
        noted: Mapping[Key, Row],
        settings: EventSettings,
    ) -> Input[Key]:
        feeding = {row.key: row for read in self.read_by(key) for row in giving.get(read, ())}.values()
        version = self.version(key, feeding, settings)
        before = [noted[other] for other in self.between(key - self.look_back, key) if other in noted]
        return Input(
            key=key,
            source_version=version,
            input_version=self.look_back_version(key, version, before),
            rows=rows,
            held_back=any(row.failed_checks for row in feeding),
        )


class _EventHours(DerivedStage[datetime, EventRow]):
    """Event hours, whose events land in other hours: how far off, follows from lateness and delivery."""

    def feeding(self, first: datetime, last: datetime) -> tuple[datetime, datetime]:
        return landing_hours_feeding(first, last)

    def fed_by(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        return event_hours_fed_by(start, end)


LANDING_HOURS: Final = Stage(
    name="landing_hour",
    key_of=hour_of,
    parse=parse_hour_key,
    step=HOUR,
    row_type=LandingRow,
    tables=(RECEIVED_EVENTS, REJECTED_EVENTS),
    checks=LANDING_HOUR_CHECKS,
    volume="lines",
)

EVENT_HOURS: Final = _EventHours(
    name="event_hour",
    key_of=hour_of,
    parse=parse_hour_key,
    step=HOUR,
    row_type=EventRow,
    tables=(CLEAN_EVENTS, *HOURLY_TABLES),
    checks=EVENT_HOUR_CHECKS,
    volume="clean",
    source=LANDING_HOURS,
    gives=lambda landed: {hour: rows for hour, rows in landed.received_by_event_hour.items() if rows},
    reads=range(-HOURS_LOOKED_BACK_AT, 1),
    version=event_hour_input_version,
    rows="received",
    has_rows="received {now} events",
    has_other_rows="stage 1 received {now} events for it, stage 2 read {then}",
)

#: The sessions of a day reach into the day before and the day after.
DAYS: Final = DerivedStage(
    name="day",
    key_of=day_of,
    parse=parse_day_key,
    step=DAY,
    row_type=DayRow,
    tables=DAILY_TABLES,
    checks=DAY_CHECKS,
    volume="events",
    source=EVENT_HOURS,
    gives=lambda aggregated: {day_of(aggregated.event_hour): aggregated.clean},
    reads=range(-1, 2),
    version=day_events_version,
    noted_version="events_version",
    rows="events",
    has_rows="has {now} clean events",
    has_other_rows="{then} events, but the event hours that it was made from have {now}",
    look_back=DAYS_LOOKED_BACK_AT * DAY,
    look_back_version=day_input_version,
)


@dataclass(frozen=True, kw_only=True)
class WeekRow(LedgerRow):
    """A week, named by its Monday, as its last aggregation left it."""

    LEDGER: ClassVar = WEEK_LEDGER

    week: date
    events: int
    users: int
    sessions: int


def monday_of(moment: datetime) -> date:
    """Return the Monday with which the ISO week of a moment begins."""
    day = day_of(moment)
    return day - day.weekday() * DAY


def _parse_week_key(key: str) -> date:
    day = parse_day_key(key)
    if day.weekday():
        monday = day_key(monday_of(start_of(day)))
        raise PartitionKeyError(f"{key!r} is no Monday; a week is named by its Monday, here {monday}")
    return day


WEEKS: Final = DerivedStage(
    name="week",
    key_of=monday_of,
    parse=_parse_week_key,
    step=7 * DAY,
    row_type=WeekRow,
    tables=(WEEKLY_TRAFFIC,),
    checks=(
        DataCheck(
            name="events_lost",
            severity=Severity.FAIL,
            sentence="Events of the week's days, by their ledger, that the week was not made from.",
            at_least=0,
            at_most=0,
        ),
        DataCheck(
            name="rows_lost",
            severity=Severity.FAIL,
            sentence="Rows of the week, one if it has events, that `weekly_traffic`, by its metadata, lacks.",
            at_least=0,
            at_most=0,
        ),
        replace(
            next(check for check in DAY_CHECKS if check.name == "events_of_usual"),
            sentence="Events, over the median of the four weeks before.",
        ),
    ),
    volume="events",
    source=DAYS,
    gives=lambda aggregated: {monday_of(start_of(aggregated.day)): aggregated.events},
    reads=range(1),
    version=lambda _week, days, _settings: digest(
        sorted(f"{day_key(row.day)} {row.input_version}" for row in days if row.events)
    ),
    rows="events",
    has_rows="has {now} events",
    has_other_rows="{then} events, but the days that it was made from have {now}",
)

#: Stages whose keys are computed once they are over: each is computed from the one before it here, or from event hours.
LATER_STAGES: Final[tuple[DerivedStage[Any, Any], ...]] = (DAYS, WEEKS)
#: In the order in which an event passes through them.
STAGES: Final[tuple[Stage[Any, Any], ...]] = (LANDING_HOURS, EVENT_HOURS, *LATER_STAGES)

#: The tables that are made of events, in the order in which the data passes through them.
TABLES: Final[tuple[Table, ...]] = (
    *(table for stage in STAGES for table in stage.tables),
    *(stage.row_type.LEDGER for stage in STAGES),
    DATA_CHECKS,
    ERASED_USERS,
)
#: And those that hold nothing of any event.
ALL_TABLES: Final = (*TABLES, SCALING_DECISIONS)


def table_named(name: str) -> Table:
    """Return a declared table; raise `KeyError` that names the known ones."""
    for table in ALL_TABLES:
        if table.name == name:
            return table
    raise KeyError(f"no table is named {name!r}; the tables are {', '.join(t.name for t in ALL_TABLES)}")
