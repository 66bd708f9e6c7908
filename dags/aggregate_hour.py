"""
## Received events of one event hour → clean events and the hourly tables

### Why

Late events, duplicates and reruns change single event hours; this DAG writes exactly those again, each whole, in one
commit per table.

### When

* By asset: once for every partition of the asset `stale_event_hours`, which `transform_events` emits. The first run
  also writes the hours around its own that are stale by then, in the same Spark session; `look_for_change` names them.
  Their own runs find nothing stale and skip. A retry writes its own hour only, so that a fault of another hour cannot
  hold it up.
* By hand: *Trigger*, and fill in `event_hour`, and `to` for a range. Then the hours are written even if nothing
  changed, or a failed data check of a landing hour holds them back. `decide_failed_check` does the same once a person
  has said that what was found is right.
* Past hours: this DAG cannot be backfilled. Backfill `transform_events` for its landing hours, or let
  `reconcile_hours` write a range.

### Needs

The Glue catalog, a slot of the pool `spark`. **Never pause it:** Airflow drops the partitions that are emitted
meanwhile (`reconcile_hours` finds those hours again).

### Leaves behind

The hour's rows in `clean_events`, `hourly_event_counts`, `hourly_traffic`, `hourly_product_stats`, and in
`event_ledger`; one partition of the asset `stale_days` for its day, if that is stale and there: every landing hour of
it is settled, or it was written before. `aggregate_day` processes it. Several emissions of one hour are several runs;
all but the first find nothing stale and skip.

To see what a run wrote: *aggregate → Details* links to the tables, *check_ledger → Storage* has the counts.

### When it fails

* `look_for_change`: the run has no event hour, or two, or `to` is before it: trigger it again and fill in `event_hour`.
  Or the catalog does not answer: clear it.
* `aggregate`: the log ends with the reason. Clear it: the hour is replaced, never added to.
* `check_ledger`: received ≠ clean + duplicates, or a data check of severity `fail` did not hold (`data_checks` has all
  of them). Neither this run nor a later one writes a day from it, until the hour is written again and its checks hold,
  or a person says that it is right: `ask` starts a run of `decide_failed_check`, which has its days written by name.
  `find_failures` lists what to ask about; it only runs if `check_ledger` has failed. Inform the readers of that hour.
"""

import os
from typing import Any

from airflow.sdk import PartitionedAssetTimetable, StartOfHourMapper, task
from airflow.sdk.exceptions import AirflowFailException

from contracts.partitions import HOUR, HOUR_KEY_FORMAT, hour_key, hours_between, parse_hour_key
from contracts.stages import EVENT_HOURS
from pipeline.conventions import (
    EVENT_HOUR,
    FORCE_UNLESS_SCHEDULED,
    REQUESTED,
    STALE,
    Tag,
    hour_param,
    pipeline_dag,
    was_requested,
)
from pipeline.failed_checks import ask_about_failures, failing_at_once
from pipeline.settings import settings_from
from pipeline.spark_task import spark_task, table_links
from pipeline.stage_tasks import documented, publish_computed_from

SETTINGS = settings_from(os.environ)


def retried_hour_or(end: str) -> str:
    """Return a template: the first or the last (`min`, `max`) hour to write; in a retry that nobody asked for, its own.

    A fault of an hour that is written with it must not hold up the run's own.
    """
    hours = f"ti.xcom_pull(task_ids='look_for_change') | {end}"
    own = f"ti.try_number > 1 and dag_run.run_type not in {REQUESTED}"
    return f"{{{{ {EVENT_HOUR.expression} if {own} else {hours} }}}}"


@task.short_circuit
def look_for_change(event_hour: str, *, params: Any = None, dag_run: Any = None) -> list[str]:
    """Return the hours to write: those that a person asked for, or those stale with the run's own; skip if none."""
    from pipeline.lake_status.hours import stale_together_with

    if was_requested(dag_run.run_type):
        return requested_hours(event_hour, params["to"] or event_hour)
    hours = [hour_key(stale) for stale in stale_together_with(SETTINGS.lake, parse_hour_key(event_hour))]
    print("stale event hours that this run writes:", *(hours or ["none, its own is not stale any more"]))
    return hours


def requested_hours(first: str, last: str) -> list[str]:
    """Return the hours from the first to the last; raise AirflowFailException if the last is before the first."""
    if last < first:
        raise AirflowFailException(f"to: {last} is before {first}; trigger the DAG again with a later one, or without")
    return [hour_key(hour) for hour in hours_between(parse_hour_key(first), parse_hour_key(last) + HOUR)]


@task
def check_ledger(event_hour: str, hours: Any) -> list[str]:
    """Return the counts of each hour's events; fail unless received = clean + duplicates, and all were read."""
    from pipeline.lake_status.derived import checked_rows

    own, others = parse_hour_key(event_hour), [*map(parse_hour_key, hours)]
    with failing_at_once(SETTINGS.lake, {EVENT_HOURS: [own, *others]}):
        rows = checked_rows(SETTINGS.lake, EVENT_HOURS, own, others)
    accounts = [
        f"{hour_key(row.event_hour)}: {row.received:,} received = {row.clean:,} clean + {row.duplicates:,} duplicates"
        for row in rows
    ]
    print(*accounts, sep="\n")
    return accounts


with pipeline_dag(
    "aggregate_hour",
    description="Received events of one event hour → clean_events and the hourly tables",
    doc_md=documented(__doc__, EVENT_HOURS),
    schedule=PartitionedAssetTimetable(
        assets=STALE[EVENT_HOURS], default_partition_mapper=StartOfHourMapper(input_format=HOUR_KEY_FORMAT)
    ),
    alarm_topic=SETTINGS.alarm_topic,
    tags=[Tag.EVENTS, Tag.HOURLY],
    user_defined_macros=EVENT_HOUR.macros,
    params={
        **EVENT_HOUR.params("The event hour to write, even if nothing changed."),
        "to": hour_param("The last event hour, to write several; empty: `event_hour` alone."),
    },
):
    hour = EVENT_HOUR.template
    hours = look_for_change(hour)
    aggregate = spark_task(
        task_id="aggregate",
        entry_point="run_aggregate_hours",
        arguments=[
            f"--from={retried_hour_or('min')}",
            f"--to={retried_hour_or('max')}",
            FORCE_UNLESS_SCHEDULED,
        ],
        settings=SETTINGS,
        links=table_links(SETTINGS, EVENT_HOURS.written),
    )
    checked = check_ledger(hour, hours)
    hours >> aggregate >> checked >> publish_computed_from(EVENT_HOURS, SETTINGS.lake, hours)
    ask_about_failures(checked)
