"""The assets whose partitions carry work from one DAG to the next.

One asset per consumer: several assets into one partitioned DAG make duplicate rows (apache/airflow issue 71070).
"""

from typing import Final

from airflow.sdk import Asset

#: A partition is an event hour (key `2026-11-22T10`) whose tables are older than its `received_events`.
STALE_EVENT_HOURS: Final = Asset(name="stale_event_hours", uri="x-clickstream://lake/stale_event_hours")

#: A partition is a day (key `2026-11-22`) that is there, and whose tables are older than its events.
STALE_DAYS: Final = Asset(name="stale_days", uri="x-clickstream://lake/stale_days")

#: A partition is an event hour, or a day, that `reconcile_hours` made. For people: no DAG consumes these.
RECONCILED_EVENT_HOURS: Final = Asset(name="reconciled_event_hours", uri="x-clickstream://lake/reconciled_event_hours")
RECONCILED_DAYS: Final = Asset(name="reconciled_days", uri="x-clickstream://lake/reconciled_days")
