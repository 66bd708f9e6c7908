"""
## `received_events` of one event hour → `clean_events` and the hourly tables

**Why.** Late events, duplicates and reruns change single event hours; exactly those are made again, each whole, in
one commit per table.

**When.** Once for every partition of the asset `stale_event_hours`, which `transform_events` emits. By hand: give an
event hour, e.g. `2026-11-22T10`, as partition key under *Advanced Options*; then it is made even if nothing changed.
It can't be backfilled itself: backfill `transform_events` for its landing hours, or let `reconcile_hours` make a
range.

**Needs.** The Glue catalog, a slot of the pool `spark`. **Never pause it:** Airflow drops the partitions that are
emitted meanwhile (`reconcile_hours` finds those hours again).

**Leaves behind.** The hour's rows in `clean_events`, `hourly_event_counts`, `hourly_traffic`, `hourly_product_stats`,
and in `event_ledger`. Several emissions of one hour are several runs; all but the first find nothing stale and skip.

**When it fails.**
* `look_for_change`: the key is no hour, or the catalog does not answer.
* `aggregate`: the log ends with the reason. Clear it: the hour is replaced, never added to.
* `check_ledger`: received ≠ clean + duplicates. This is a defect: keep the log, and tell the readers of that hour.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, PartitionedAssetTimetable, StartOfHourMapper, task
from airflow.sdk.exceptions import AirflowFailException

from contracts.partitions import HOUR_KEY_FORMAT, PartitionKeyError, parse_hour_key
from dag_conventions.assets import STALE_EVENT_HOURS
from dag_conventions.conventions import FORCE_UNLESS_SCHEDULED, RETRYING, START_DATE, Tag, was_asked_for
from pipeline_settings import settings_from
from spark_submission import spark_task

SETTINGS = settings_from(os.environ)


@task.short_circuit
def look_for_change(event_hour: str, *, dag_run: Any = None) -> bool:
    """Go on to Spark if the hour is still stale, or if somebody asked for the run."""
    from hour_ledger.lake_state import event_hour_is_stale

    try:
        hour = parse_hour_key(event_hour)
    except PartitionKeyError as error:
        raise AirflowFailException(
            f"the run's partition key: {error}; trigger the DAG with one (Advanced Options in the UI)"
        ) from error
    return was_asked_for(dag_run.run_type) or event_hour_is_stale(SETTINGS.lake, hour)


@task
def check_ledger(event_hour: str) -> None:
    """Fail unless received = clean + duplicates, and all that stage 1 received was read."""
    from hour_ledger.lake_state import checked_event_row

    row = checked_event_row(SETTINGS.lake, parse_hour_key(event_hour))
    if row is None:
        print(f"{event_hour}: no event was received")
    else:
        print(f"{event_hour}: {row.received} received = {row.clean} clean + {row.duplicates} duplicates")


with DAG(
    "aggregate_hour",
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(
        assets=STALE_EVENT_HOURS, default_partition_mapper=StartOfHourMapper(input_format=HOUR_KEY_FORMAT)
    ),
    start_date=START_DATE,
    catchup=False,
    # One after the other: of several emissions of an hour, the first does the work and the others see that it is done.
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=8),
    default_args=RETRYING,
    tags=[Tag.EVENTS, Tag.HOURLY],
):
    hour = "{{ partition_key }}"
    aggregate = spark_task(
        task_id="aggregate",
        entry_point="run_aggregate_hours",
        arguments=["--event-hour", hour, FORCE_UNLESS_SCHEDULED],
        settings=SETTINGS,
    )
    look_for_change(hour) >> aggregate >> check_ledger(hour)
