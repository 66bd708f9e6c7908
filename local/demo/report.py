"""What the simulator sent and what the tables hold → where each event went, every difference, and the demo's report.

The simulator's manifest is the oracle: the simulator counts events while it generates them, and shares no code with the
jobs. `summary.json` holds the same figures as the printed report.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from contracts.partitions import day_key, hour_key, parse_hour_key
from local.demo.pipeline import Lake

Row = Mapping[str, Any]

_TRAFFIC: Final = ("events", "users", "sessions_started", "searches", "views", "carts", "purchases", "revenue")
_RECENT: Final = 6
_STEPS: Final = 4
_LANDING: Final = ("lines", "received", "rejected", "unreadable_objects", "settled")
_DAILY: Final = ("events", "users", "new_users", "sessions", "bounces", "converted_sessions", "purchases", "revenue")
_MOVES: Final = ("action", "open_shards", "resulting_shards", "demand", "reason")
_FUNNEL: Final = ("step", "event_name", "users_in_order", "users_in_any_order", "median_seconds")


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


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The rows of the tables that the report compares and shows."""

    landing_ledger: Sequence[Row]
    event_ledger: Sequence[Row]
    hourly_event_counts: Sequence[Row]
    hourly_traffic: Sequence[Row]
    daily_traffic: Sequence[Row]
    daily_funnel: Sequence[Row] = ()

    @classmethod
    def of(cls, lake: Lake) -> "Tables":
        """Read the tables of a lake."""
        return cls(**{table.name: lake.rows(table.name) for table in fields(cls)})


def tabled_accounts(tables: Tables) -> Accounts:
    """Return what the tables hold."""
    accounts = Accounts()
    for row in tables.landing_ledger:
        accounts.lines += row["lines"]
        accounts.received += row["received"]
        accounts.rejected.update(dict(row["rejected_by_reason"]))
    for row in tables.event_ledger:
        accounts.clean += row["clean"]
        accounts.duplicates += row["duplicates"]
        counts = accounts.by_hour.setdefault(hour_key(row["event_hour"]), Counter())
        counts.update(received=row["received"], clean=row["clean"], duplicates=row["duplicates"])
    for row in tables.hourly_event_counts:
        counts = accounts.by_hour.setdefault(hour_key(row["event_hour"]), Counter())
        counts[f"name {row['event_name']}"] += row["events"]
    for row in tables.hourly_traffic:
        accounts.revenue[hour_key(row["event_hour"])] = row["revenue"]
    for row in tables.daily_traffic:
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


def print_report(tables: Tables, accounts: Accounts, *, moves: Iterable[Row], sent: Mapping[str, int]) -> None:
    """Print the hourly and daily tables, the ledger, the changes of the stream, and where each event went.

    `moves` are the decisions that changed the stream; `sent` are lines by kind of traffic.
    """
    recent = sorted(tables.hourly_traffic, key=lambda row: str(row["event_hour"]))[-_RECENT:]
    late = accounts.by_hour.keys() - {hour_key(row["event_hour"]) for row in recent}
    print(f"\nhourly_traffic, the last {len(recent)} event hours ({len(late)} earlier ones hold late events only)")
    _print_table("event_hour", hour_key, _TRAFFIC, recent)
    print("\ndaily_traffic")
    _print_table("day", day_key, _DAILY, tables.daily_traffic)
    funnel = sorted(tables.daily_funnel, key=lambda row: (row["day"], row["step"]))[-_STEPS:]
    print("\ndaily_funnel, the last day")
    _print_table("day", day_key, _FUNNEL, funnel)
    print("\nlanding_ledger")
    _print_table("landing_hour", hour_key, _LANDING, tables.landing_ledger)
    if sent.get("spike"):
        print("\nscaling_decisions, the moves")
        _print_table("decided_at", lambda at: f"{at:%H:%M:%S}", _MOVES, moves)
    print("\nWhere each event went")
    spike = sent.get("spike", 0)
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in accounts.rejected.most_common())
    for label, count, note in (
        ("accepted over HTTP", sent["live"] + spike, f"{spike:,} of them in a spike" if spike else ""),
        ("written as past hours", sent["past"], ""),
        ("lines in S3", accounts.lines, ""),
        ("  rejected", accounts.rejected.total(), reasons),
        ("  received", accounts.received, ""),
        ("    duplicates", accounts.duplicates, "the same click_id within an event hour"),
        ("    clean", accounts.clean, ""),
    ):
        print(f"  {label:<26}{count:>10,}  {note}".rstrip())


def write_summary(path: Path, accounts: Accounts, *, sent: Row, broken: Sequence[str], **more: Any) -> None:
    """Write the figures of the report, the broken promises, and `more`, as JSON."""
    summary = {
        "sent": dict(sent),
        "lines": accounts.lines,
        "received": accounts.received,
        "rejected": dict(sorted(accounts.rejected.items())),
        "duplicates": accounts.duplicates,
        "clean": accounts.clean,
        "event_hours": {key: dict(sorted(counts.items())) for key, counts in sorted(accounts.by_hour.items())},
        "days": {key: dict(sorted(counts.items())) for key, counts in sorted(accounts.by_day.items())},
        "revenue": {key: str(revenue) for key, revenue in sorted(accounts.revenue.items())},
        "differences": list(broken),
        **more,
    }
    path.write_text(json.dumps(summary, indent=2) + "\n")


def _print_table(period: str, key: Callable[[Any], str], columns: Sequence[str], rows: Iterable[Row]) -> None:
    body = [
        (key(row[period]), *(_cell(row[column]) for column in columns))
        for row in sorted(rows, key=lambda row: str(row[period]))
    ]
    widths = [max(map(len, cells)) for cells in zip((period, *columns), *body, strict=True)]
    for cells in ((period, *columns), *body):
        aligned = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        print("  " + "  ".join((cells[0].ljust(widths[0]), *aligned)))


def _cell(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "–"
        case str():
            return value
        case float():
            return f"{value:,.2f}"
        case _:
            return f"{value:,}"
