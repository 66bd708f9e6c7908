"""A lake of some months, made up: tables that agree with each other as those of the jobs do, in seconds.

For what shows tables and need not compute them. `fill` writes what the pages read, the last hours settled or open as
they would be at `now`; the same seed gives the same rows.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import cos, pi
from random import Random
from typing import Any, Final

from pyiceberg.catalog import Catalog

from benchmarks.written_lake import put
from contracts.event import FUNNEL_EVENTS
from contracts.partitions import DAY, HOUR, day_of, days_between, hour_key, hour_of, hours_of_day, start_of_day
from contracts.rules import PATH_STEPS, RETENTION_DAYS
from contracts.tables import (
    CLEAN_EVENTS,
    DAILY_FUNNEL,
    DAILY_PRODUCT_STATS,
    DAILY_RETENTION,
    DAILY_SOURCES,
    DAILY_TRAFFIC,
    DAILY_TRANSITIONS,
    DATA_CHECKS,
    DAY_LEDGER,
    EVENT_LEDGER,
    HOURLY_EVENT_COUNTS,
    HOURLY_TRAFFIC,
    LANDING_LEDGER,
    REJECTED_EVENTS,
    SCALING_DECISIONS,
)
from contracts.tables.daily import SESSION_END, SESSION_START

Row = dict[str, Any]

#: Events of a busy hour; a night has a tenth.
BUSY: Final = 24_000
_NAMES: Final = {
    "ViewContent": 0.52,
    "Search": 0.24,
    "AddToCart": 0.09,
    "$pageview": 0.08,
    "Purchase": 0.025,
    "newsletter_signup": 0.02,
    "wishlist_add": 0.015,
    "video_play": 0.01,
}
_SOURCES: Final = {"direct": 40, "google": 30, "newsletter": 14, "bing": 5, "instagram": 6, "partner.example": 3}
_MEDIA: Final = {"google": "cpc", "newsletter": "email", "instagram": "social"}
_REASONS: Final = {"invalid_timestamp": 5, "missing_field": 3, "not_json": 2, "too_late": 1}
_LINES: Final[Mapping[str, tuple[str, Mapping[str, Any] | None]]] = {
    "invalid_timestamp": ("`timestamp` is in none of the forms: 'yesterday'", {"timestamp": "yesterday"}),
    "missing_field": ("`event_name` is absent", {"event_name": None}),
    "not_json": ("at character 3: a value is missing", None),
    "too_late": ("`timestamp` is 9 days before it was received", {"timestamp": "2026-01-01T00:00:00Z"}),
}
_STREAM: Final = "clickstream-local-events"


@dataclass(kw_only=True)
class _Lake:
    """Rows by table, as they are made up."""

    random: Random
    products: int
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: Any, **row: Any) -> None:
        self.rows.setdefault(table.name, []).append(row)


def fill(
    catalog: Catalog,
    database: str,
    *,
    now: datetime,
    days: int = 90,
    products: int = 200,
    clean_days: int = 1,
    seed: int = 7,
) -> None:
    """Write the tables of so many days up to `now`, and the events themselves of the last `clean_days` of them."""
    lake = _Lake(random=Random(seed), products=products)
    open_hour = hour_of(now)
    first = day_of(now) - (days - 1) * DAY
    for day in days_between(first, day_of(now) + DAY):
        hours = [hour for hour in hours_of_day(day) if hour < open_hour]
        traffic = [_hour(lake, hour) for hour in hours]
        if day < day_of(now):
            _day(lake, day, first, traffic)
        _scaling(lake, day, traffic, hours)
    _count_late(lake, open_hour - 6 * HOUR)
    last_day = day_of(now) - DAY
    _checks(lake, open_hour - HOUR, last_day)
    _events(lake, last_day, clean_days)
    for table in _TABLES:
        if rows := lake.rows.get(table.name):
            put(catalog, database, table, rows)


_TABLES: Final = (
    *(LANDING_LEDGER, EVENT_LEDGER, DAY_LEDGER, HOURLY_TRAFFIC, HOURLY_EVENT_COUNTS, DAILY_TRAFFIC, DAILY_FUNNEL),
    *(DAILY_RETENTION, DAILY_SOURCES, DAILY_PRODUCT_STATS, DAILY_TRANSITIONS, SCALING_DECISIONS, DATA_CHECKS),
    *(REJECTED_EVENTS, CLEAN_EVENTS),
)


def _level(hour: datetime) -> float:
    """Return how busy an hour is, 0–1: evenings more than nights, Sundays more than Tuesdays, and slowly growing."""
    of_day = 0.55 - 0.45 * cos((hour.hour - 6) * pi / 12) if hour.hour >= 6 else 0.12
    growth = 0.8 + 0.2 * (hour.timetuple().tm_yday % 90) / 90
    return max(0.08, of_day) * (0.85 + 0.05 * abs(hour.weekday() - 2)) * growth


def _hour(lake: _Lake, hour: datetime) -> Row:
    random = lake.random
    clean = int(BUSY * _level(hour) * random.uniform(0.94, 1.06))
    duplicates, of_late = clean // 90, random.randrange(0, 40)
    received = clean + duplicates
    earlier = hour_key(hour - random.randrange(2, 60) * HOUR)
    _land(lake, hour, received - of_late, earlier, of_late)
    lake.add(
        EVENT_LEDGER,
        event_hour=hour,
        input_version="made up",
        received=received - of_late,
        clean=clean - of_late,
        duplicates=duplicates,
    )
    return _traffic(lake, hour, clean - of_late)


def _count_late(lake: _Lake, until: datetime) -> None:
    """Count late events that landed before `until` in their hours, as copies of others; what landed later waits."""
    counted = {hour_key(row["event_hour"]): row for row in lake.rows[EVENT_LEDGER.name]}
    for landed in lake.rows[LANDING_LEDGER.name]:
        for key, events in landed["received_by_event_hour"][1:]:
            if landed["landing_hour"] < until and key in counted:
                counted[key]["received"] += events
                counted[key]["duplicates"] += events


def _land(lake: _Lake, hour: datetime, own: int, earlier: str, of_late: int) -> None:
    rejected = {
        reason: count * lake.random.randrange(1, 9) for reason, count in _REASONS.items() if lake.random.random() < 0.8
    }
    received = own + of_late
    lake.add(
        LANDING_LEDGER,
        landing_hour=hour,
        input_version="made up",
        settled=True,
        objects=[f"raw/{hour_key(hour)}/{number}.gz" for number in range(12)],
        bytes=received * 90,
        lines=received + sum(rejected.values()),
        received=received,
        rejected=sum(rejected.values()),
        rejected_by_reason=list(rejected.items()),
        received_by_event_hour=[(hour_key(hour), own), (earlier, of_late)] if of_late else [(hour_key(hour), own)],
    )
    for reason in rejected:
        detail, wrong = _LINES[reason]
        lake.add(
            REJECTED_EVENTS,
            landing_hour=hour,
            object_key=f"raw/{hour_key(hour)}/0.gz",
            rejection_reason=reason,
            detail=detail,
            line=_line(hour, wrong),
            received_at=hour + timedelta(minutes=lake.random.randrange(60)),
        )


def _line(hour: datetime, wrong: Mapping[str, Any] | None) -> bytes:
    if wrong is None:
        return b'{"received_at":,"event":{"user_id":"anna@shop.example"'
    event = {"event_name": "ViewContent", "user_id": "anna@shop.example", "timestamp": hour.isoformat(), **wrong}
    line = {"received_at": int(hour.timestamp() * 1000), "event": {k: v for k, v in event.items() if v is not None}}
    return json.dumps(line).encode()


def _traffic(lake: _Lake, hour: datetime, clean: int) -> Row:
    bots = clean // 40
    row: Row = {"event_hour": hour}
    for suffix, events in (("", clean), ("_without_bots", clean - bots)):
        purchases = int(events * _NAMES["Purchase"])
        row |= {
            f"events{suffix}": events,
            f"users{suffix}": events // 5,
            f"sessions_started{suffix}": events // 7,
            f"searches{suffix}": int(events * _NAMES["Search"]),
            f"views{suffix}": int(events * _NAMES["ViewContent"]),
            f"carts{suffix}": int(events * _NAMES["AddToCart"]),
            f"purchases{suffix}": purchases,
            f"revenue{suffix}": Decimal(purchases * 4990 + hour.hour) / 100,
            f"refunds{suffix}": purchases // 30,
            f"refunded{suffix}": Decimal(purchases // 30 * 3990) / 100,
            f"purchases_in_other_currency{suffix}": 0,
        }
    lake.add(HOURLY_TRAFFIC, **row)
    left, left_people = clean, clean - bots
    for name, share in _NAMES.items():
        events, people = int(clean * share), int((clean - bots) * share)
        if name == "ViewContent":
            events, people = (
                left - sum(int(clean * each) for other, each in _NAMES.items() if other != name),
                left_people - sum(int((clean - bots) * each) for other, each in _NAMES.items() if other != name),
            )
        lake.add(
            HOURLY_EVENT_COUNTS,
            event_hour=hour,
            event_name=name,
            events=events,
            users=events // 4,
            events_without_bots=people,
            users_without_bots=people // 4,
        )
    return row


def _day(lake: _Lake, day: date, first: date, traffic: Sequence[Row]) -> None:
    sessions = sum(row["sessions_started"] for row in traffic)
    users, purchases = sessions * 4 // 5, sum(row["purchases"] for row in traffic)
    new = users // 3
    lake.add(
        DAY_LEDGER,
        day=day,
        input_version="made up",
        events_version="made up",
        events=sum(row["events"] for row in traffic),
        users=users,
        sessions=sessions,
    )
    lake.add(
        DAILY_TRAFFIC,
        day=day,
        events=sum(row["events"] for row in traffic),
        users=users,
        new_users=new,
        returning_users=users - new,
        sessions=sessions,
        bounces=sessions // 3,
        bounce_share=0.33,
        converted_sessions=purchases * 9 // 10,
        conversion=purchases * 0.9 / sessions,
        users_without_bots=users * 93 // 100,
        sessions_without_bots=sessions * 94 // 100,
        converted_sessions_without_bots=purchases * 9 // 10,
        conversion_without_bots=purchases * 0.9 / (sessions * 94 // 100),
        purchases=purchases,
        revenue=sum((row["revenue"] for row in traffic), Decimal(0)),
        average_order=Decimal("49.90"),
    )
    _funnel(lake, day, users)
    _retention(lake, day, first, new)
    _sources(lake, day, sessions)
    _products(lake, day)
    _transitions(lake, day, sessions)


def _funnel(lake: _Lake, day: date, users: int) -> None:
    shares = ((0.62, 0.62), (0.5, 0.8), (0.17, 0.22), (0.05, 0.06))
    for step, (name, (in_order, at_all)) in enumerate(zip(FUNNEL_EVENTS, shares, strict=True), start=1):
        factor = lake.random.uniform(0.95, 1.05)
        lake.add(
            DAILY_FUNNEL,
            day=day,
            step=step,
            event_name=name,
            users_in_order=int(users * in_order * factor),
            users_in_any_order=int(users * at_all * factor),
            median_seconds=None if step == 1 else 60.0 * step * factor,
        )


def _retention(lake: _Lake, day: date, first: date, new: int) -> None:
    for age in range(min(RETENTION_DAYS, (day - first).days) + 1):
        active = new if age == 0 else int(new * (0.32 / age**0.6) * lake.random.uniform(0.9, 1.1))
        lake.add(
            DAILY_RETENTION,
            day=day,
            cohort_day=day - age * DAY,
            age=age,
            cohort_users=new,
            active_users=active,
        )


def _sources(lake: _Lake, day: date, sessions: int) -> None:
    weights = {**_SOURCES, **{f"blog{number}.example": 0.1 for number in range(20)}}
    left = sessions
    for source, weight in weights.items():
        of_source = left if source == "blog19.example" else int(sessions * weight / 100.0)
        of_source = min(of_source, left)
        left -= of_source
        lake.add(
            DAILY_SOURCES,
            day=day,
            source=source,
            medium=_MEDIA.get(source),
            sessions=of_source,
            users=of_source,
            converted_sessions=of_source // 40,
            revenue=Decimal(of_source),
        )


def _products(lake: _Lake, day: date) -> None:
    for number in range(lake.products):
        views = int(4_000 / (number + 3) * lake.random.uniform(0.7, 1.3))
        purchases = views // 18
        lake.add(
            DAILY_PRODUCT_STATS,
            day=day,
            product_id=f"sku-{number:04}",
            users=views,
            views=views,
            carts=views // 6,
            purchases=purchases,
            revenue=Decimal(purchases * (1999 + number * 10)) / 100,
        )


def _transitions(lake: _Lake, day: date, sessions: int) -> None:
    """Add the ways of sessions that go from name to name, fewer at each step, until all have ended."""
    at: Counter[str] = Counter({SESSION_START: sessions})
    for step in range(1, PATH_STEPS + 2):
        to: Counter[str] = Counter()
        for name, there in at.items():
            ways = Counter(lake.random.choices(list(_NAMES), list(_NAMES.values()), k=6))
            ending = 0 if step == 1 else there if step == PATH_STEPS + 1 else there * 2 // 5
            pairs = [(SESSION_END, ending)] if ending else []
            left = there - ending
            for place, (target, weight) in enumerate(ways.items()):
                moved = left if place == len(ways) - 1 else (there - ending) * weight // 6
                left -= moved
                pairs.append((target, moved))
            for target, moved in pairs:
                if moved:
                    lake.add(
                        DAILY_TRANSITIONS,
                        day=day,
                        step=step,
                        from_event=name,
                        to_event=target,
                        sessions=moved,
                        transitions=moved,
                    )
                if target != SESSION_END:
                    to[target] += moved
        at = to


def _scaling(lake: _Lake, day: date, traffic: Sequence[Row], hours: Sequence[datetime]) -> None:
    open_shards = 2
    for hour, row in zip(hours, traffic, strict=True):
        demand = row["events"] / 8_000
        target = max(1, round(demand * 1.4))
        if target == open_shards:
            continue
        at = hour + timedelta(minutes=lake.random.randrange(50))
        calls = abs(target - open_shards) > 1
        action = "UpdateShardCount" if calls else "SplitShard" if target > open_shards else "MergeShards"
        lake.add(
            SCALING_DECISIONS,
            decision_id=f"{_STREAM} {at.isoformat()} {action}",
            stream_name=_STREAM,
            decided_at=at,
            mode="on",
            action=action,
            reason="growth" if target > open_shards else "shrink",
            explanation=f"Demand is {demand:.1f} shards of {open_shards}: {target} leave room for 1.4 times of it.",
            outcome="done",
            open_shards=open_shards,
            target_shards=target,
            resulting_shards=target,
            finished_at=at + timedelta(seconds=70),
            wanted_shards=target,
            floor_shards=1,
            ceiling_shards=16,
            calls_left=8,
            demand=demand,
            throttled_share=0.004 if target > open_shards + 1 else 0.0,
            metrics_age_seconds=90.0,
            recent_peak=demand,
            recurring_peak=demand,
            dollars_per_hour=(target - open_shards) * 0.015,
            times=1,
            last_decided_at=at,
            decided_by=f"scheduled__{hour_key(hour)}",
        )
        open_shards = target
    del day


def _checks(lake: _Lake, hour: datetime, day: date) -> None:
    for name, start, stage, severity, passed in (
        ("quiet_minutes", hour, "landing_hour", "warn", False),
        ("lines_lost", hour, "landing_hour", "fail", True),
        ("events_of_usual", start_of_day(day), "day", "warn", False),
    ):
        lake.add(
            DATA_CHECKS,
            checked_from=start,
            stage=stage,
            check_name=name,
            severity=severity,
            passed=passed,
            observed=17.0,
            expected="at most 15",
            detail="no arrival in the last 17 minutes of the hour",
            input_version="made up",
        )


def _events(lake: _Lake, last: date, days: int) -> None:
    """Add events of some days, a twentieth of what the tables count: each user's, some of the way to a purchase."""
    for day in days_between(last - (days - 1) * DAY, last + DAY):
        for hour in hours_of_day(day):
            for number in range(int(BUSY * _level(hour) / 120)):
                for row in _visit(lake.random, hour, number):
                    lake.add(CLEAN_EVENTS, **row)


def _visit(random: Random, hour: datetime, number: int) -> Iterator[Row]:
    at = hour + timedelta(seconds=random.randrange(3000))
    user = f"user-{hour_key(hour)}-{number}"
    for step, name in enumerate(("Search", "ViewContent", "ViewContent", "AddToCart", "Purchase")):
        if step and random.random() > 0.6:
            return
        at += timedelta(seconds=random.randrange(5, 100))
        if at >= hour + HOUR:
            return
        yield {
            "event_time": at,
            "received_at": at + timedelta(seconds=1),
            "user_id": user,
            "click_id": f"{user}-{step}",
            "event_name": name,
            "extra": json.dumps({"size": "M", "ab_test": "blue"}) if random.random() < 0.2 else None,
            "is_bot": False,
            "bot_reasons": [],
        }
