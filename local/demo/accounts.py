"""What the simulator made and what the tables hold → where each event went, and every difference between the two.

The simulator's manifest is the oracle: it was counted while the events were made, by code that no job shares.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from contracts.partitions import day_key, hour_key, parse_hour_key

Row = Mapping[str, Any]


@dataclass(kw_only=True)
class Accounts:
    """Counts over all hours, and for each event hour and day (by key) the counts, names and revenue of clean events."""

    lines: int = 0
    received: int = 0
    clean: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    by_hour: dict[str, Counter[str]] = field(default_factory=dict)
    by_day: dict[str, Counter[str]] = field(default_factory=dict)
    revenue: dict[str, Decimal] = field(default_factory=dict)


def expected_accounts(manifests: Iterable[Row]) -> Accounts:
    """Return what the tables must hold, given the manifests of disjoint runs of the simulator."""
    accounts = Accounts()
    for manifest in manifests:
        accounts.lines += manifest["lines"]
        accounts.received += manifest["received"]
        accounts.clean += manifest["clean"]
        accounts.duplicates += manifest["duplicates"]
        accounts.rejected.update(manifest["rejected"])
        for key, hour in manifest["event_hours"].items():
            counts = accounts.by_hour.setdefault(key, Counter())
            counts.update(received=hour["received"], clean=hour["clean"], duplicates=hour["duplicates"])
            counts.update({f"name {name}": events for name, events in hour["by_name"].items()})
            day = day_key(parse_hour_key(key))
            purchases = hour["by_name"].get("Purchase", 0)
            accounts.by_day.setdefault(day, Counter()).update(events=hour["clean"], purchases=purchases)
            for period in (key, day):
                accounts.revenue[period] = accounts.revenue.get(period, Decimal(0)) + Decimal(hour["revenue"])
    return accounts


def tabled_accounts(
    *,
    landing_ledger: Iterable[Row],
    event_ledger: Iterable[Row],
    event_counts: Iterable[Row],
    traffic: Iterable[Row],
    daily_traffic: Iterable[Row],
) -> Accounts:
    """Return what the tables hold."""
    accounts = Accounts()
    for row in landing_ledger:
        accounts.lines += row["lines"]
        accounts.received += row["received"]
        accounts.rejected.update(dict(row["rejected_by_reason"]))
    for row in event_ledger:
        accounts.clean += row["clean"]
        accounts.duplicates += row["duplicates"]
        counts = accounts.by_hour.setdefault(hour_key(row["event_hour"]), Counter())
        counts.update(received=row["received"], clean=row["clean"], duplicates=row["duplicates"])
    for row in event_counts:
        counts = accounts.by_hour.setdefault(hour_key(row["event_hour"]), Counter())
        counts[f"name {row['event_name']}"] += row["events"]
    for row in traffic:
        accounts.revenue[hour_key(row["event_hour"])] = row["revenue"]
    for row in daily_traffic:
        accounts.by_day[day_key(row["day"])] = Counter(events=row["events"], purchases=row["purchases"])
        accounts.revenue[day_key(row["day"])] = row["revenue"]
    return accounts


def differences(expected: Accounts, tabled: Accounts) -> list[str]:
    """Return one sentence for each figure that is not as expected."""
    found = [
        f"{name}: expected {getattr(expected, name):,}, tables hold {getattr(tabled, name):,}"
        for name in ("lines", "received", "clean", "duplicates")
        if getattr(expected, name) != getattr(tabled, name)
    ]
    found += _counter_differences("rejected", expected.rejected, tabled.rejected)
    nothing: Counter[str] = Counter()
    for wanted_counts, got_counts in ((expected.by_hour, tabled.by_hour), (expected.by_day, tabled.by_day)):
        for key in sorted(wanted_counts.keys() | got_counts.keys()):
            found += _counter_differences(key, wanted_counts.get(key, nothing), got_counts.get(key, nothing))
    for key in sorted(expected.revenue.keys() | tabled.revenue.keys()):
        wanted, got = expected.revenue.get(key, Decimal(0)), tabled.revenue.get(key, Decimal(0))
        if wanted != got:
            found.append(f"{key} revenue: expected {wanted}, tables hold {got}")
    return found


def _counter_differences(label: str, expected: Counter[str], tabled: Counter[str]) -> list[str]:
    return [
        f"{label} {name}: expected {expected[name]:,}, tables hold {tabled[name]:,}"
        for name in sorted(expected.keys() | tabled.keys())
        if expected[name] != tabled[name]
    ]
