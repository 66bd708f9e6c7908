"""What the simulator sent and what the tables hold → where each event went, every difference, and the demo's report.

The simulator's manifest is the oracle: the simulator counts events while it generates them, and shares no code with the
jobs. `summary.json` holds the same figures as the printed report.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from contracts.partitions import day_key, hour_key, parse_hour_key
from local.demo.pipeline import Lake

Row = Mapping[str, Any]

_TRAFFIC: Final = ("events", "users", "sessions_started", "searches", "views", "carts", "purchases", "revenue")
_TOTALS: Final = ("lines", "received", "clean", "duplicates")
_HOURLY: Final = ("received", "clean", "duplicates")
_RECENT: Final = 6
_STEPS: Final = 4
_LANDING: Final = ("lines", "received", "rejected", "unreadable_objects", "settled")
_DAILY: Final = ("events", "users", "new_users", "sessions", "bounces", "converted_sessions", "purchases", "revenue")
_MONEY: Final = ("revenue", "refunded")
_MOVES: Final = ("action", "open_shards", "resulting_shards", "demand", "reason")
_FUNNEL: Final = ("step", "event_name", "users_in_order", "users_in_any_order", "median_seconds")

#: Numbers by name.
Figures = dict[str, int | Decimal]


@dataclass(kw_only=True)
class Accounts:
    """Figures over all hours, rejected lines by reason, and the figures of each event hour and each day, by its key."""

    totals: Figures = field(default_factory=dict)
    rejected: Figures = field(default_factory=dict)
    hours: dict[str, Figures] = field(default_factory=dict)
    days: dict[str, Figures] = field(default_factory=dict)

    def groups(self) -> dict[str, Figures]:
        """Return all figures, by what stands before their names in a sentence."""
        periods = {f"{key} ": figures for key, figures in (self.hours | self.days).items()}
        return {"": self.totals, "rejected ": self.rejected, **periods}


def expected_accounts(manifests: Iterable[Row]) -> Accounts:
    """Return what the tables must hold, given the manifests of disjoint runs of the simulator."""
    accounts = Accounts()
    for manifest in manifests:
        _add(accounts.totals, {name: manifest[name] for name in _TOTALS})
        _add(accounts.rejected, manifest["rejected"])
        for key, hour in manifest["event_hours"].items():
            by_name, money = hour["by_name"], {name: Decimal(hour[name]) for name in _MONEY}
            of_hour = accounts.hours.setdefault(key, {})
            _add(of_hour, {name: hour[name] for name in _HOURLY} | money)
            _add(of_hour, {f"name {name}": events for name, events in by_name.items()})
            of_day = accounts.days.setdefault(day_key(parse_hour_key(key)), {})
            named = {count: by_name.get(name, 0) for name, count in (("Purchase", "purchases"), ("Refund", "refunds"))}
            _add(of_day, {"events": hour["clean"]} | named | money)
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
        _add(accounts.totals, {"lines": row["lines"], "received": row["received"]})
        _add(accounts.rejected, dict(row["rejected_by_reason"]))
    for row in tables.event_ledger:
        _add(accounts.totals, {"clean": row["clean"], "duplicates": row["duplicates"]})
        _add(_of_hour(accounts, row), {name: row[name] for name in _HOURLY})
    for row in tables.hourly_event_counts:
        _add(_of_hour(accounts, row), {f"name {row['event_name']}": row["events"]})
    for row in tables.hourly_traffic:
        _add(_of_hour(accounts, row), {name: row[name] for name in _MONEY})
    for row in tables.daily_traffic:
        accounts.days[day_key(row["day"])] = {name: row[name] for name in ("events", "purchases", "refunds", *_MONEY)}
    return accounts


def differences(expected: Accounts, tabled: Accounts) -> list[str]:
    """Return one sentence for each figure that is not as expected."""
    all_wanted, all_got = expected.groups(), tabled.groups()
    found = []
    for label in sorted(all_wanted.keys() | all_got.keys()):
        wanted, got = all_wanted.get(label, {}), all_got.get(label, {})
        found += [
            f"{label}{name}: expected {wanted.get(name, 0):,}, tables hold {got.get(name, 0):,}"
            for name in sorted(wanted.keys() | got.keys())
            if wanted.get(name, 0) != got.get(name, 0)
        ]
    return found


def _add(figures: Figures, more: Mapping[str, int | Decimal]) -> None:
    for name, number in more.items():
        figures[name] = figures.get(name, 0) + number


def _of_hour(accounts: Accounts, row: Row) -> Figures:
    return accounts.hours.setdefault(hour_key(row["event_hour"]), {})


def print_report(tables: Tables, accounts: Accounts, *, moves: Iterable[Row], sent: Mapping[str, int]) -> None:
    """Print the hourly and daily tables, the ledger, the changes of the stream, and where each event went.

    `moves` are the decisions that changed the stream; `sent` are lines by kind of traffic.
    """
    recent = sorted(tables.hourly_traffic, key=lambda row: str(row["event_hour"]))[-_RECENT:]
    late = accounts.hours.keys() - {hour_key(row["event_hour"]) for row in recent}
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
    totals, rejected = accounts.totals, sorted(accounts.rejected.items(), key=lambda one: -one[1])
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in rejected)
    for label, count, note in (
        ("accepted over HTTP", sent["live"] + spike, f"{spike:,} of them in a spike" if spike else ""),
        ("written as past hours", sent["past"], ""),
        ("lines in S3", totals.get("lines", 0), ""),
        ("  rejected", sum(accounts.rejected.values()), reasons),
        ("  received", totals.get("received", 0), ""),
        ("    duplicates", totals.get("duplicates", 0), "the same click_id within an event hour"),
        ("    clean", totals.get("clean", 0), ""),
    ):
        print(f"  {label:<26}{count:>10,}  {note}".rstrip())


def write_summary(path: Path, accounts: Accounts, *, sent: Row, broken: Sequence[str], **more: Any) -> None:
    """Write the figures of the report, the broken promises, and `more`, as JSON."""
    summary = {
        "sent": sent,
        **accounts.totals,
        "rejected": dict(sorted(accounts.rejected.items())),
        "event_hours": dict(sorted(accounts.hours.items())),
        "days": dict(sorted(accounts.days.items())),
        "differences": broken,
        **more,
    }
    path.write_text(json.dumps(summary, indent=2, default=str) + "\n")


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
