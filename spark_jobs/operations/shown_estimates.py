"""What an erasure or a replay would change → the figures by which a person decides, as an object beside the tables.

A log of the same job may name raw objects and hashes of ids; the figures that are shown in Airflow only count.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from contracts.estimates import ShownEstimate, estimate_object
from contracts.partitions import hour_key
from contracts.stages import EVENT_HOURS, LATER_STAGES
from spark_jobs.errors import RawStoreError
from spark_jobs.lake.lake import Lake
from spark_jobs.operations.erasure.estimate import Estimate
from spark_jobs.operations.replay_rejected import ReplayPlan
from storage.location import open_store

_KILOBYTE: Final = 1_000
_UNITS: Final = (("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12))


def write_estimate(lake: Lake, name: str, shown: ShownEstimate) -> None:
    """Write an estimate's document in the place of the one of its name; raise `RawStoreError` if that fails."""
    store = open_store(lake.warehouse_uri, error=RawStoreError)
    store.put(estimate_object(name), shown.to_json().encode())


def shown_erasure(estimate: Estimate, users: int, now: datetime) -> ShownEstimate:
    """Return what an erasure of so many users would change, with neither their ids nor the hashes of these."""
    going = len(estimate.links.followed)
    return ShownEstimate(
        counted_at=now,
        is_empty=estimate.is_empty,
        figures=(
            ("users", f"{users:,}"),
            *((("anonymous ids that go with them", f"{going:,}"),) if going else ()),
            *((f"rows of `{table}` to delete", f"{rows:,}") for table, rows in estimate.rows.items() if rows),
            ("raw and error objects to rewrite", f"{estimate.objects:,} ({_size(estimate.bytes)})"),
            ("landing hours to write again", _landing_hours(estimate)),
            (f"{EVENT_HOURS.title}s to write again", f"{estimate.fed[EVENT_HOURS.name]:,}"),
            *((f"{stage.title}s to write again", f"about {estimate.fed[stage.name]:,}") for stage in LATER_STAGES),
            ("snapshots to expire", f"{estimate.snapshots:,}, with {estimate.data_files:,} data files"),
        ),
        notes=tuple(_erasure_notes(estimate)),
    )


def _erasure_notes(estimate: Estimate) -> Iterator[str]:
    """Yield what the figures leave open; the log of the estimate names what these sentences count."""
    if unknown := len(estimate.unknown):
        yield f"{unknown} of the ids {_are(unknown)} in no table. Later events of theirs are refused all the same."
    if staying := len(estimate.links.not_followed):
        ids = "anonymous id that was" if staying == 1 else "anonymous ids that were"
        yield f"{staying} {ids} seen with the users {'stays' if staying == 1 else 'stay'}: the log says why."
    if unreadable := len(estimate.unreadable):
        yield (
            f"{unreadable} raw or error {'object' if unreadable == 1 else 'objects'} can't be read, and so can't be "
            "searched: the erasure ends red, unless `discard_unreadable` is ticked. The log names them."
        )


def shown_replay(plan: ReplayPlan, now: datetime) -> ShownEstimate:
    """Return what a replay would change: of the hours that it transforms, how many lines of which reason are events."""
    rejected: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    for found in plan.accepted:
        if found.landing_hour not in plan.replay:
            continue
        rejected[found.reason] += found.rejected
        accepted[found.reason] += found.accepted
    replayed = plan.replay
    hours = f"{len(replayed):,} ({hour_key(replayed[0])} … {hour_key(replayed[-1])})" if replayed else "0"
    reasons = Counter(plan.left.values())
    return ShownEstimate(
        counted_at=now,
        is_empty=not replayed,
        figures=(
            ("landing hours looked at", f"{plan.looked_at:,}"),
            *(
                (f"lines rejected as `{reason}` that would be events", f"{events:,} of {rejected[reason]:,}")
                for reason, events in sorted(accepted.items())
            ),
            ("landing hours to transform again", hours),
        ),
        notes=tuple(
            f"{count} landing {'hour stays as it is' if count == 1 else 'hours stay as they are'}: {reason}."
            for reason, count in sorted(reasons.items())
        ),
    )


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _landing_hours(estimate: Estimate) -> str:
    lacking = f"; {estimate.expired_hours:,} of them lack raw objects" if estimate.expired_hours else ""
    return f"{estimate.landing_hours:,}{lacking}"


def _size(size: float) -> str:
    if size < _KILOBYTE:
        return f"{size:,.0f} bytes"
    unit = next((unit for unit, bound in _UNITS if size < bound * _KILOBYTE), "TB")
    return f"{size / dict(_UNITS)[unit]:,.1f} {unit}"
