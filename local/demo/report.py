"""The lake and the accounts → what the demo prints at its end, and `summary.json`, which holds the same."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.partitions import day_key, hour_key
from local.demo.accounts import Accounts

Row = Mapping[str, Any]

_TRAFFIC = ("events", "users", "sessions_started", "searches", "views", "carts", "purchases", "revenue")
_RECENT = 6
_STEPS = 4
_LANDING = ("lines", "received", "rejected", "unreadable_objects", "settled")
_DAILY = ("events", "users", "new_users", "sessions", "bounces", "converted_sessions", "purchases", "revenue")
_MOVES = ("action", "open_shards", "resulting_shards", "demand", "reason")
_FUNNEL = ("step", "event_name", "users_in_order", "users_in_any_order", "median_seconds")


def print_report(
    *,
    traffic: Iterable[Row],
    daily_traffic: Iterable[Row],
    daily_funnel: Iterable[Row],
    landing_ledger: Iterable[Row],
    moves: Iterable[Row],
    accounts: Accounts,
    sent: Mapping[str, int],
) -> None:
    """Print the hourly and daily tables, the ledger, what was decided about the stream, and where each event went."""
    recent = sorted(traffic, key=lambda row: str(row["event_hour"]))[-_RECENT:]
    late = accounts.by_hour.keys() - {hour_key(row["event_hour"]) for row in recent}
    print(f"\nhourly_traffic, the last {len(recent)} event hours ({len(late)} earlier ones hold late events only)")
    _print_table("event_hour", hour_key, _TRAFFIC, recent)
    print("\ndaily_traffic")
    _print_table("day", day_key, _DAILY, daily_traffic)
    funnel = sorted(daily_funnel, key=lambda row: (row["day"], row["step"]))[-_STEPS:]
    print("\ndaily_funnel, the last day")
    _print_table("day", day_key, _FUNNEL, funnel)
    print("\nlanding_ledger")
    _print_table("landing_hour", hour_key, _LANDING, landing_ledger)
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


def write_summary(path: Path, *, accounts: Accounts, sent: Row, found: Sequence[str], **more: Any) -> None:
    """Write what was printed, and more, as JSON."""
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
        "differences": list(found),
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
