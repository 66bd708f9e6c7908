"""What lies under landing hours, and what the ledger says of them → which hours to transform; the rest needs nothing.

Pure: no clock, no Spark. Refuses what would lose history or publish half an hour unasked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from contracts.event_settings import DEFAULTS, EventSettings
from contracts.ledger import LandingLedgerRow
from contracts.partitions import HOUR, hour_key
from contracts.versions import RawObject, landing_input_version
from spark_jobs.errors import MissingObjectsError, OpenHourError

_NAMED_AT_MOST: Final = 20


@dataclass(frozen=True, kw_only=True)
class LandingHour:
    """An hour to transform: its objects, and the version that they make."""

    landing_hour: datetime
    objects: tuple[RawObject, ...]
    input_version: str
    settled: bool


@dataclass(frozen=True, kw_only=True)
class LandingPlan:
    """What to do: hours to transform, ledger rows whose hour only became settled, and hours that need nothing."""

    transform: tuple[LandingHour, ...]
    settle: tuple[LandingLedgerRow, ...]
    unchanged: tuple[datetime, ...]


@dataclass(frozen=True, kw_only=True)
class LandingRules:
    """`settled_before`: an hour that ended by then receives no more objects. `force`: transform unchanged hours too."""

    settled_before: datetime
    allow_open_hour: bool = False
    force: bool = False


def landing_plan(
    landed: Mapping[datetime, tuple[RawObject, ...]],
    ledger: Mapping[datetime, LandingLedgerRow],
    rules: LandingRules,
    settings: EventSettings = DEFAULTS,
) -> LandingPlan:
    """Return the plan; raise `OpenHourError` or `MissingObjectsError`, naming hours or objects."""
    hours = [_landing_hour(hour, objects, rules, settings) for hour, objects in sorted(landed.items())]
    if not rules.allow_open_hour:
        _refuse_open(hours, rules)
    _refuse_missing(hours, ledger)
    transform: list[LandingHour] = []
    settle: list[LandingLedgerRow] = []
    unchanged: list[datetime] = []
    for hour in hours:
        row = ledger.get(hour.landing_hour)
        if rules.force or row is None or row.input_version != hour.input_version:
            transform.append(hour)
        elif hour.settled and not row.settled:
            settle.append(replace(row, settled=True))
        else:
            unchanged.append(hour.landing_hour)
    return LandingPlan(transform=tuple(transform), settle=tuple(settle), unchanged=tuple(unchanged))


def _landing_hour(
    hour: datetime, objects: tuple[RawObject, ...], rules: LandingRules, settings: EventSettings
) -> LandingHour:
    return LandingHour(
        landing_hour=hour,
        objects=objects,
        input_version=landing_input_version(objects, settings),
        settled=hour + HOUR <= rules.settled_before,
    )


def _refuse_open(hours: list[LandingHour], rules: LandingRules) -> None:
    still_open = [hour.landing_hour for hour in hours if not hour.settled]
    if still_open:
        raise OpenHourError(
            f"landing hour {hour_key(still_open[0])}"
            + (f" and {len(still_open) - 1} later ones" if len(still_open) > 1 else "")
            + f" may still receive objects (hours that ended by {rules.settled_before.isoformat()} are settled): wait, "
            "or pass --allow-open-hour to transform what is there, and again later"
        )


def _refuse_missing(hours: list[LandingHour], ledger: Mapping[datetime, LandingLedgerRow]) -> None:
    missing = [
        (hour.landing_hour, key)
        for hour in hours
        if (row := ledger.get(hour.landing_hour))
        for key in sorted(set(row.objects) - {raw_object.key for raw_object in hour.objects})
    ]
    if missing:
        more = f"\n  … and {len(missing) - _NAMED_AT_MOST} more" if len(missing) > _NAMED_AT_MOST else ""
        raise MissingObjectsError(
            f"{len(missing)} raw objects that the ledger names are gone (expired by lifecycle?), so a rerun would wipe "
            "history; restore them, or leave these hours as they are:\n  "
            + "\n  ".join(key for _, key in missing[:_NAMED_AT_MOST])
            + more,
            hours={hour for hour, _ in missing},
        )
