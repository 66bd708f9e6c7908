"""The choices in a page's address → what a view is asked for; a choice that can't be used is named with the remedy.

The address is all the state there is, so a link shows the same to whoever opens it. Names that no view knows are
ignored: a newer page may link to an older one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from contracts.partitions import DAY, PartitionKeyError, day_of, parse_day_key, parse_hour_key
from pages.errors import QueryError
from pages.panels import Control, Option

_SHOWN: Final = 60
ZONES: Final = (Option(value="utc", label="UTC"), Option(value="local", label="Local time"))


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The choices as text, by name, and the hour in which they were made."""

    query: Mapping[str, str]
    now: datetime

    @property
    def today(self) -> date:
        """Return the day that is still open."""
        return day_of(self.now)

    def text(self, name: str, default: str = "") -> str:
        """Return a choice as it is."""
        return self.query.get(name, "") or default

    def day(self, name: str = "day", *, default: date) -> date:
        """Return a day; raise `QueryError` for another text, or a day that has not begun."""
        text = self.text(name)
        if not text:
            return default
        try:
            day = parse_day_key(text)
        except PartitionKeyError:
            raise self._wrong(name, "no day", "write it like 2026-11-27 (UTC)") from None
        if day > self.today:
            raise self._wrong(name, "in the future", f"choose a day up to {self.today}")
        if day.year < 2000:  # so that a week, or 90 days, before it is a day, too
            raise self._wrong(name, "before there were events", "choose a day after 2000-01-01")
        return day

    def hour(self, name: str = "hour") -> datetime | None:
        """Return an hour, if one is chosen; raise `QueryError` for another text."""
        if not (text := self.text(name)):
            return None
        try:
            return parse_hour_key(text)
        except PartitionKeyError:
            raise self._wrong(name, "no hour", "write it like 2026-11-27T10 (UTC)") from None

    def choice(self, name: str, options: Sequence[str], default: str) -> str:
        """Return one of some words; raise `QueryError` for another."""
        text = self.text(name, default)
        if text not in options:
            raise self._wrong(name, "no choice", f"choose one of {', '.join(options)}")
        return text

    def days(self, options: Sequence[int], default: int) -> int:
        """Return a number of days, one of some; raise `QueryError` for another."""
        return int(self.choice("days", [str(option) for option in options], str(default)))

    def steps(self, name: str, *, at_most: int) -> tuple[str, ...]:
        """Return several names, in their order, without repetitions; raise `QueryError` for too many."""
        # A comma in a name is written twice: names are whatever somebody sent.
        text = self.text(name).replace(",,", "\0")
        steps = tuple(dict.fromkeys(part.replace("\0", ",") for part in text.split(",") if part))
        if len(steps) > at_most:
            raise self._wrong(name, f"{len(steps)} steps", f"choose at most {at_most}")
        return steps

    def _wrong(self, name: str, what: str, remedy: str) -> QueryError:
        text = self.text(name)
        shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
        return QueryError(f"{name} is {shown!r}, which is {what}", remedy)


def zone_control(selection: Selection) -> Control:
    """Return the choice of how hours are written; days are UTC days in either."""
    zone = selection.choice("zone", [option.value for option in ZONES], "utc")
    return Control(name="zone", label="Hours in", kind="choice", value=zone, options=ZONES, hint="Days are UTC days.")


def day_control(day: date) -> Control:
    """Return the choice of a day."""
    return Control(name="day", label="Day", kind="day", value=day.isoformat(), hint="A UTC day.")


def days_control(days: int, options: Sequence[int]) -> Control:
    """Return the choice of how many days are shown."""
    shown = [Option(value=str(each), label="1 day" if each == 1 else f"{each} days") for each in options]
    return Control(name="days", label="Up to this day", kind="choice", value=str(days), options=shown)


def choice_control(name: str, label: str, value: str, options: Mapping[str, str], hint: str = "") -> Control:
    """Return the choice of one of some words, each with its label."""
    shown = [Option(value=each, label=text) for each, text in options.items()]
    return Control(name=name, label=label, kind="choice", value=value, options=shown, hint=hint)


def days_before(day: date, days: int) -> date:
    """Return the first of so many days that end with `day`."""
    return day - timedelta(days=days - 1)


def week_before(day: date) -> date:
    """Return the same day of the week before."""
    return day - 7 * DAY
