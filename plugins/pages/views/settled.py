"""Ledgers of a day → whether its numbers are final, and why they can be trusted."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from contracts.partitions import DAY, HOUR, hour_key, start_of_day
from contracts.tables import DAY_LEDGER, EVENT_LEDGER, LANDING_LEDGER
from pages.lake.reader import Lake
from pages.panels import Link, Trust
from pages.selection import Selection

_SETTLED: Final = "settled"
_PROVISIONAL: Final = "provisional"
_BROKEN: Final = "broken"


@dataclass(frozen=True, kw_only=True)
class DayState:
    """What the ledgers say of the hours of a day; `written` are its event hours that have a row, in order."""

    day: date
    written: tuple[datetime, ...]
    received: int
    clean: int
    duplicates: int
    failed_checks: int
    unbalanced: tuple[datetime, ...]
    is_open: bool
    has_day_row: bool

    @property
    def until(self) -> datetime | None:
        """Return the end of the last hour that is written; None if none is."""
        return self.written[-1] + HOUR if self.written else None

    def trust(self, what: str) -> Trust:
        """Return why `what`, a figure of the day's hours, can be trusted."""
        link = Link(text="The ledger of the day", view="trust", query={"day": str(self.day)})
        if self.unbalanced:
            named = ", ".join(hour_key(hour) for hour in self.unbalanced[:3])
            return Trust(state=_BROKEN, sentence=f"The ledger of {named} does not balance.", link=link)
        if self.failed_checks:
            return Trust(state=_BROKEN, sentence=f"{self.failed_checks} data checks failed.", link=link)
        counted = f"{self.received:,} events received = {self.clean:,} counted + {self.duplicates:,} copies left out"
        hours = "1 hour" if len(self.written) == 1 else f"{len(self.written)} hours"
        if self.is_open:
            return Trust(state=_PROVISIONAL, sentence=f"{what} of {hours} so far: {counted}.", link=link)
        return Trust(state=_SETTLED, sentence=f"{what} of {hours}: {counted}.", link=link)


def state_of(lake: Lake, selection: Selection, day: date) -> DayState:
    """Return the state of a day."""
    events = lake.rows(
        EVENT_LEDGER, ["event_hour", "received", "clean", "duplicates", "failed_checks", "input_version"], day, day
    )
    found = lake.ask(
        """
        SELECT event_hour, received, clean, duplicates, failed_checks FROM ledger
        WHERE event_hour >= ? AND event_hour < ? AND input_version <> 'unfinished' ORDER BY event_hour
        """,
        [start_of_day(day), start_of_day(day + DAY)],
        ledger=events,
    )
    days = lake.rows(DAY_LEDGER, ["day", "failed_checks"], day, day)
    of_day = lake.ask("SELECT failed_checks FROM days WHERE day = ?", [day], days=days)
    return DayState(
        day=day,
        written=tuple(hour for hour, *_ in found),
        received=sum(row[1] for row in found),
        clean=sum(row[2] for row in found),
        duplicates=sum(row[3] for row in found),
        failed_checks=sum(row[4] for row in found) + sum(row[0] for row in of_day),
        unbalanced=tuple(row[0] for row in found if row[1] != row[2] + row[3]),
        is_open=day >= selection.today,
        has_day_row=bool(of_day),
    )


def last_landing_hour(lake: Lake, day: date) -> datetime | None:
    """Return the last settled landing hour up to the end of a day, of the two days that end with it."""
    rows = lake.rows(LANDING_LEDGER, ["landing_hour", "settled"], day - DAY, day)
    ((last,),) = lake.ask("SELECT max(landing_hour) FROM ledger WHERE settled", ledger=rows)
    return last if isinstance(last, datetime) else None
