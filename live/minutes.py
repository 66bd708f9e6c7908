"""The figures of one landing hour by minute of arrival: what was folded so far of its objects' lines.

Two things are kept, for two readers. `LandingHourMinutes.counts` has the received and rejected lines of every minute,
however old, and of lines that say none: the landing hour's totals are the sum of it, and of nothing else. `figures` has
what is shown of the last minutes, by event name, and forgets those that are no longer shown.

A minute is a number, counted from the epoch.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from contracts.event import STANDARD_EVENTS
from contracts.partitions import HOUR, LONGEST_DELIVERY
from contracts.timestamps import EPOCH
from live.id_sample import IdSample

MINUTE: Final = timedelta(minutes=1)
#: Event names that are told apart within a minute. When there are more, only half as many stay, the most frequent.
MOST_NAMES: Final = 40


def minute_of(moment: datetime) -> int:
    """Return the number of the minute that a moment lies in."""
    return (moment - EPOCH) // MINUTE


def most_frequent(names: Iterable[tuple[int, str]]) -> list[str]:
    """Return which of too many names, each with its events, stay: the standard ones, then those with most events."""
    in_order = sorted((name not in STANDARD_EVENTS, -events, name) for events, name in names)
    return [name for _, _, name in in_order[: MOST_NAMES // 2]]


def start_of_minute(minute: int) -> datetime:
    """Return the first instant of a minute."""
    return EPOCH + minute * MINUTE


@dataclass(kw_only=True)
class NameFigures:
    """What came of one event name in a minute, or of several."""

    events: int = 0
    purchases: int = 0
    revenue: Decimal = Decimal(0)
    bots: int = 0
    users: IdSample = field(default_factory=IdSample)
    click_ids: IdSample = field(default_factory=IdSample)

    def add(self, other: "NameFigures") -> None:
        """Add the figures of other events."""
        self.events += other.events
        self.purchases += other.purchases
        self.revenue += other.revenue
        self.bots += other.bots
        self.users.unite(other.users)
        self.click_ids.unite(other.click_ids)


@dataclass(kw_only=True)
class MinuteFigures:
    """What came in a minute: events by name, those of merged names together, and rejected lines by reason.

    `merged_names` counts merges: a name that comes again after it was merged counts once more.
    """

    names: dict[str, NameFigures] = field(default_factory=dict)
    others: NameFigures = field(default_factory=NameFigures)
    merged_names: int = 0
    users: IdSample = field(default_factory=IdSample)
    rejections: Counter[str] = field(default_factory=Counter)

    def add(self, other: "MinuteFigures") -> None:
        """Add what other objects have of the same minute; these figures stay as they are."""
        for name, figures in other.names.items():
            self.of_name(name).add(figures)
        self.others.add(other.others)
        self.merged_names += other.merged_names
        self.users.unite(other.users)
        self.rejections.update(other.rejections)
        self._merge_rare()

    def of_name(self, name: str | None) -> NameFigures:
        """Return the figures of a name, or of the others, to be added to."""
        return self.others if name is None else self.names.setdefault(name, NameFigures())

    def _merge_rare(self) -> None:
        if len(self.names) <= MOST_NAMES:
            return
        frequent = set(most_frequent((figures.events, name) for name, figures in self.names.items()))
        for name in self.names.keys() - frequent:
            self.others.add(self.names.pop(name))
            self.merged_names += 1


@dataclass(kw_only=True)
class LineCounts:
    """Lines that were received, and lines that were rejected."""

    received: int = 0
    rejected: int = 0


class LandingHourMinutes:
    """What was folded of a landing hour's objects.

    An object lies in the landing hour of its oldest event, so minutes lie between the hour's start, or a little before
    it by another clock, and `LONGEST_DELIVERY` after its end. What claims another time is counted as undated.
    """

    def __init__(self, landing_hour: datetime) -> None:
        self._span = range(minute_of(landing_hour - HOUR), minute_of(landing_hour + HOUR + LONGEST_DELIVERY))
        self.counts: dict[int | None, LineCounts] = {}
        self.reasons: Counter[str] = Counter()
        self.figures: dict[int, MinuteFigures] = {}

    def add_figures(self, of_minutes: Mapping[int, MinuteFigures], *, shown_from: int) -> None:
        """Add what was found in some lines, by minute; minutes before `shown_from` are counted, not kept."""
        for minute, found in of_minutes.items():
            self._counts_of(minute).received += sum(figures.events for figures in _of_all_names(found))
            self._reject(minute, found.rejections)
            if minute >= shown_from and minute in self.figures:
                self.figures[minute].add(found)
            elif minute >= shown_from:
                self.figures[minute] = found

    def reject_undated(self, reasons: Mapping[str, int]) -> None:
        """Count rejected lines that say no time of arrival."""
        self._reject(None, reasons)

    def forget_before(self, minute: int) -> None:
        """Forget the figures of minutes that are no longer shown."""
        for past in [known for known in self.figures if known < minute]:
            del self.figures[past]

    @property
    def received(self) -> int:
        """The sum of all minutes."""
        return sum(counts.received for counts in self.counts.values())

    @property
    def rejected(self) -> int:
        """The sum of all minutes, and of what no minute has."""
        return sum(counts.rejected for counts in self.counts.values())

    @property
    def undated(self) -> int:
        """Lines that no minute has."""
        counts = self.counts.get(None, LineCounts())
        return counts.received + counts.rejected

    def _reject(self, minute: int | None, reasons: Mapping[str, int]) -> None:
        if reasons:
            self._counts_of(minute).rejected += sum(reasons.values())
            self.reasons.update(reasons)

    def _counts_of(self, minute: int | None) -> LineCounts:
        return self.counts.setdefault(minute if minute in self._span else None, LineCounts())


def _of_all_names(found: MinuteFigures) -> Iterator[NameFigures]:
    yield from found.names.values()
    yield found.others


def united(hours: Iterable[LandingHourMinutes], minutes: range) -> dict[int, MinuteFigures]:
    """Return the figures of some minutes, which the objects of several landing hours may have."""
    found: dict[int, list[MinuteFigures]] = {}
    for hour in hours:
        for minute in minutes:
            if minute in hour.figures:
                found.setdefault(minute, []).append(hour.figures[minute])
    return {minute: figures[0] if len(figures) == 1 else _sum(figures) for minute, figures in found.items()}


def _sum(parts: Iterable[MinuteFigures]) -> MinuteFigures:
    total = MinuteFigures()
    for part in parts:
        total.add(part)
    return total
