"""The manifest: what the simulator wrote or sent, counted as the ledger must count it; the oracle of end-to-end tests.

    lines    = received + rejected        (an unreadable object is no line; it is counted apart)
    received = clean + duplicates

A `Tally` is filled while events are generated, by each process for its own share; merged, it becomes the manifest.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from contracts.partitions import hour_key
from contracts.rejections import RejectionReason
from simulator.errors import BadArgumentError
from simulator.world.defects import Defect
from simulator.world.event_time import HOUR_US, moment_of
from simulator.world.shop import decimal_text

#: The landing hour of events that went over HTTP: the client does not know it.
UNKNOWN_LANDING_HOUR: Final = -1


@dataclass(kw_only=True)
class Tally:
    """Counts by hour; an hour is whole hours since 1970, because millions of events are counted."""

    lines: Counter[int] = field(default_factory=Counter)
    rejected: Counter[tuple[int, RejectionReason]] = field(default_factory=Counter)
    clean: Counter[tuple[int, str]] = field(default_factory=Counter)
    duplicates: Counter[int] = field(default_factory=Counter)
    revenue_cents: Counter[int] = field(default_factory=Counter)
    purchases_without_price: Counter[int] = field(default_factory=Counter)
    refunded_cents: Counter[int] = field(default_factory=Counter)
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
        if name == "Refund" and price_cents is not None:
            self.refunded_cents[event_hour] += abs(price_cents)

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
    refunded: str


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
    refunded: str
    unreadable_objects: int
    objects: int
    compressed_bytes: int
    defects: dict[str, int]
    event_hours: dict[str, EventHour]
    landing_hours: dict[str, LandingHour]


def manifest_of(tally: Tally) -> Manifest:
    """Return the expected ledger of everything that was counted."""
    lines, rejected = tally.lines.total(), tally.rejected.total()
    return Manifest(
        lines=lines,
        received=lines - rejected,
        rejected=_by_name(tally.rejected),
        duplicates=tally.duplicates.total(),
        clean=tally.clean.total(),
        by_name=_by_name(tally.clean),
        revenue=decimal_text(tally.revenue_cents.total()),
        purchases_without_price=tally.purchases_without_price.total(),
        refunded=decimal_text(tally.refunded_cents.total()),
        unreadable_objects=tally.unreadable_objects.total(),
        objects=tally.objects,
        compressed_bytes=tally.compressed_bytes,
        defects=_sorted(tally.defects),
        event_hours=_event_hours(tally),
        landing_hours=_landing_hours(tally),
    )


def _event_hours(tally: Tally) -> dict[str, EventHour]:
    names = _by_hour(tally.clean)
    return {
        _key(hour): EventHour(
            received=names[hour].total() + tally.duplicates[hour],
            clean=names[hour].total(),
            duplicates=tally.duplicates[hour],
            by_name=_sorted(names[hour]),
            revenue=decimal_text(tally.revenue_cents[hour]),
            purchases_without_price=tally.purchases_without_price[hour],
            refunded=decimal_text(tally.refunded_cents[hour]),
        )
        for hour in sorted(names)
    }


def _landing_hours(tally: Tally) -> dict[str, LandingHour]:
    reasons = _by_hour(tally.rejected)
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


def _by_hour(counts: Mapping[tuple[int, Any], int]) -> dict[int, Counter[str]]:
    """Return each hour's counts by name."""
    hours: dict[int, Counter[str]] = {}
    for (hour, name), count in counts.items():
        hours.setdefault(hour, Counter())[name] += count
    return hours


def _by_name(counts: Mapping[tuple[int, Any], int]) -> dict[str, int]:
    """Return the counts of all hours by name."""
    names: Counter[str] = Counter()
    for (_, name), count in counts.items():
        names[name] += count
    return _sorted(names)


def _sorted(counts: Mapping[Any, int]) -> dict[str, int]:
    """Return the counts that are not 0, sorted by the plain text of their name."""
    return {str(name): counts[name] for name in sorted(counts) if counts[name]}


def write_manifest(path: Path | None, manifest: Manifest, about: dict[str, Any]) -> None:
    """Write a manifest, whole or not at all; `about` describes the run."""
    if path is None:
        return
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"about": about, **asdict(manifest)}, indent=1) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise BadArgumentError(f"can't write the manifest {path}: {error.strerror}") from error
