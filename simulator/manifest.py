"""The manifest: what was made, counted as the ledger must count it; the oracle of the end-to-end test.

    lines    = received + rejected        (an unreadable object is no line; it is counted apart)
    received = clean + duplicates

A `Tally` is filled while events are made, by each process for its own share; merged, it becomes the manifest.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Self

from contracts.partitions import hour_key
from contracts.rejections import RejectionReason
from simulator.defects import Defect
from simulator.event_time import HOUR_US, moment_of
from simulator.wire import decimal_text


@dataclass(kw_only=True)
class Tally:
    """Counts by hour; an hour is whole hours since 1970, because millions are counted."""

    lines: Counter[int] = field(default_factory=Counter)
    rejected: Counter[tuple[int, RejectionReason]] = field(default_factory=Counter)
    clean: Counter[tuple[int, str]] = field(default_factory=Counter)
    duplicates: Counter[int] = field(default_factory=Counter)
    revenue_cents: Counter[int] = field(default_factory=Counter)
    purchases_without_price: Counter[int] = field(default_factory=Counter)
    defects: Counter[Defect] = field(default_factory=Counter)
    unreadable_objects: Counter[int] = field(default_factory=Counter)
    objects: int = 0
    compressed_bytes: int = 0

    def add_clean(self, event_hour: int, name: str, price_cents: int | None) -> None:
        """Count an event that must be in `clean_events`."""
        self.clean[event_hour, name] += 1
        if name == "Purchase":
            if price_cents is None:
                self.purchases_without_price[event_hour] += 1
            else:
                self.revenue_cents[event_hour] += price_cents

    def merge(self, other: Self) -> None:
        """Add another process's counts."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            else:
                setattr(self, each.name, mine + theirs)


@dataclass(frozen=True, kw_only=True)
class EventHour:
    """What one event hour must hold in the tables."""

    received: int
    clean: int
    duplicates: int
    by_name: dict[str, int]
    revenue: str
    purchases_without_price: int


@dataclass(frozen=True, kw_only=True)
class LandingHour:
    """What one landing hour must hold; `unreadable_objects` come on top of its lines."""

    lines: int
    received: int
    rejected: dict[str, int]
    unreadable_objects: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The expected ledger. Hours are keys like `2026-11-22T10`, money is a decimal as text, dicts are sorted.

    `landing_hours` is empty for events that went over HTTP: the server's clock chose it.
    """

    lines: int
    received: int
    rejected: dict[str, int]
    duplicates: int
    clean: int
    by_name: dict[str, int]
    revenue: str
    purchases_without_price: int
    unreadable_objects: int
    objects: int
    compressed_bytes: int
    defects: dict[str, int]
    event_hours: dict[str, EventHour]
    landing_hours: dict[str, LandingHour]

    def as_json(self) -> dict[str, Any]:
        """Return the manifest as JSON's types."""
        return asdict(self)


#: Where a line landed, for events that went over HTTP: not known to the client.
UNKNOWN_LANDING_HOUR: Final = -1


def manifest_of(tally: Tally) -> Manifest:
    """Return the expected ledger of all that was counted."""
    event_hours = _event_hours(tally)
    rejected: Counter[str] = Counter()
    for (_, reason), count in tally.rejected.items():
        rejected[reason.value] += count
    by_name: Counter[str] = Counter()
    for (_, name), count in tally.clean.items():
        by_name[name] += count
    lines = tally.lines.total()
    return Manifest(
        lines=lines,
        received=lines - rejected.total(),
        rejected=_sorted(rejected),
        duplicates=tally.duplicates.total(),
        clean=by_name.total(),
        by_name=_sorted(by_name),
        revenue=decimal_text(tally.revenue_cents.total()),
        purchases_without_price=tally.purchases_without_price.total(),
        unreadable_objects=tally.unreadable_objects.total(),
        objects=tally.objects,
        compressed_bytes=tally.compressed_bytes,
        defects=_sorted(Counter({defect.value: count for defect, count in tally.defects.items()})),
        event_hours=event_hours,
        landing_hours=_landing_hours(tally),
    )


def _event_hours(tally: Tally) -> dict[str, EventHour]:
    names: dict[int, Counter[str]] = {}
    for (hour, name), count in tally.clean.items():
        names.setdefault(hour, Counter())[name] += count
    return {
        _key(hour): EventHour(
            received=names[hour].total() + tally.duplicates[hour],
            clean=names[hour].total(),
            duplicates=tally.duplicates[hour],
            by_name=_sorted(names[hour]),
            revenue=decimal_text(tally.revenue_cents[hour]),
            purchases_without_price=tally.purchases_without_price[hour],
        )
        for hour in sorted(names)
    }


def _landing_hours(tally: Tally) -> dict[str, LandingHour]:
    reasons: dict[int, Counter[str]] = {}
    for (hour, reason), count in tally.rejected.items():
        reasons.setdefault(hour, Counter())[reason.value] += count
    hours = sorted((tally.lines.keys() | tally.unreadable_objects.keys()) - {UNKNOWN_LANDING_HOUR})
    return {
        _key(hour): LandingHour(
            lines=tally.lines[hour],
            received=tally.lines[hour] - reasons.get(hour, Counter()).total(),
            rejected=_sorted(reasons.get(hour, Counter())),
            unreadable_objects=tally.unreadable_objects[hour],
        )
        for hour in hours
    }


def _key(hour: int) -> str:
    return hour_key(moment_of(hour * HOUR_US))


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts) if counts[name]}
