"""Stale days → partitions of their asset; several DAGs can be the last to make a day's hours."""

from collections.abc import Collection
from datetime import date
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from contracts.partitions import day_key
from dag_conventions.assets import STALE_DAYS


def publish_days(days: Collection[date], outlet_events: Any) -> None:
    """Hand the days to `aggregate_day`; skip the task if there are none.

    A task that succeeds without keys would emit the run's own key.
    """
    if not days:
        raise AirflowSkipException("no day is there, stale and not held back by a failed data check")
    print("stale days:", *map(day_key, days))
    outlet_events[STALE_DAYS].add_partitions([day_key(day) for day in days])
