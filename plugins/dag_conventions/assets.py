"""The assets whose partitions carry work from one DAG to the next.

One asset per consumer: several assets into one partitioned DAG make duplicate rows (apache/airflow issue 71070).
Airflow has no place for a description of an asset; its list shows `extra`.
"""

from typing import Final

from airflow.sdk import Asset


def _asset(name: str, *, group: str, description: str) -> Asset:
    return Asset(name=name, uri=f"x-clickstream://lake/{name}", group=group, extra={"description": description})


#: A partition is an event hour (key `2026-11-22T10`) whose tables are older than its `received_events`.
STALE_EVENT_HOURS: Final = _asset(
    "stale_event_hours",
    group="to do",
    description="Event hours for which events came since their tables were written; aggregate_hour writes them again",
)

#: A partition is a day (key `2026-11-22`) that is there, and whose tables are older than its events.
STALE_DAYS: Final = _asset(
    "stale_days",
    group="to do",
    description="Days that are over, with events that their tables lack; aggregate_day writes them again",
)

#: A partition is an event hour, or a day, that `reconcile_hours` made. For people: no DAG consumes these.
RECONCILED_EVENT_HOURS: Final = _asset(
    "reconciled_event_hours",
    group="done",
    description="Event hours that reconcile_hours wrote again; nothing to do, they are shown for people",
)
RECONCILED_DAYS: Final = _asset(
    "reconciled_days",
    group="done",
    description="Days that reconcile_hours wrote again; nothing to do, they are shown for people",
)
