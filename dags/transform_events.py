"""
## Raw objects of one landing hour → received and rejected events

### Why

Every event that the API accepted lies in a raw object under its landing hour. This DAG validates each line of an hour
once: the line becomes a row of `received_events`, or of `rejected_events` with the reason.

### When

* By schedule: hourly, for the landing hour that has just ended (the run's partition key, e.g. `2026-11-22T10`). It
  waits until the hour is settled: one Firehose buffer interval and two minutes after its end.
* By hand: *Trigger*, and fill in `landing_hour`. With `allow_open_hour` it runs on what has landed so far, and the
  scheduled run replaces the result.
* Past hours: *Trigger → Backfill*, both ends included. `reconcile_hours` handles events that came over two hours late;
  by itself it looks at the last eight days, so after a backfill of older hours, trigger it with `from` and `to`.

### Needs

The raw bucket, the Glue catalog, a slot of the pool `spark`, and CloudWatch for the metrics that the alarms look at.

### Leaves behind

The hour's row in `landing_ledger`, and one partition of the asset `stale_event_hours` for each event hour around it
that is stale now and not held back by a failed data check; `aggregate_hour` processes these. Also one partition of the
asset `stale_days`, if the landing hour's day is complete and none of its event hours has to be written: that is so if
its last hour had no events, or no new ones. A scheduled run whose objects have not changed skips Spark; a manual run
and a backfill do the work again, with the same rows as result.

To see what a run wrote: *transform → Details* links to its raw objects and tables, *check_ledger → Storage* has the
counts.

### When it fails

* `wait_until_settled`: the run has no landing hour, or two. Trigger it again and fill in `landing_hour`.
* `transform`: the log ends with the reason. Clear it: the run replaces whole hours, so nothing can be counted twice.
  An error that names missing raw objects means that history has expired: leave the hour as it is.
* `check_ledger`: lines ≠ received + rejected, or a data check of severity `fail` did not hold (`data_checks` has all of
  them). Nothing was published, and no later run publishes what this hour feeds, until the hour is transformed again and
  its checks hold, or a person says that it is right: `ask` starts a run of `decide_failed_check`, which has written by
  name what is held back. `find_failures` lists what to ask about; it only runs if `check_ledger` has failed.
* `publish_stale_event_hours`, `publish_stale_days`: the catalog or S3 does not answer; clear it.
* `report_unreadable_objects`: everything readable *is* published. Look at `rejected_events` of the hour with reason
  `unreadable_object`; once the object is repaired, `reconcile_hours` transforms the hour again.
"""

import os
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import CronPartitionTimetable, Param, task
from airflow.sdk.exceptions import AirflowFailException

from contracts.partitions import HOUR_KEY_FORMAT, day_of, parse_hour_key
from contracts.stages import DAYS, EVENT_HOURS, LANDING_HOURS
from pipeline.conventions import (
    FORCE_UNLESS_SCHEDULED,
    LANDING_HOUR,
    STALE,
    Tag,
    pipeline_dag,
    was_requested,
)
from pipeline.failed_checks import ask_about_failures, failing_at_once
from pipeline.sensor import LandingHourSettledSensor
from pipeline.settings import settings_from
from pipeline.spark_task import raw_objects_link, spark_task, table_links
from pipeline.stage_tasks import publish

SETTINGS = settings_from(os.environ)


@task.short_circuit(ignore_downstream_trigger_rules=False)
def look_for_change(landing_hour: str, *, params: Any = None, dag_run: Any = None) -> bool:
    """Go on to Spark if the hour's raw objects changed since it was transformed, or if a person asked for the run."""
    from pipeline.lake_status.hours import landing_input_changed

    settled = not params["allow_open_hour"]
    return was_requested(dag_run.run_type) or landing_input_changed(
        SETTINGS.lake, parse_hour_key(landing_hour), settled=settled
    )


@task(trigger_rule="none_failed")
def check_ledger(landing_hour: str, *, dag_run: Any = None) -> str:
    """Return the counts of the hour's lines; fail, and so publish nothing, unless lines = received + rejected.

    A run that nobody asked for says how far behind the tables are; of past hours that would be no news.
    """
    from pipeline.lake_status.hours import checked_landing_row
    from pipeline.metrics import put_metrics, settled

    hour = parse_hour_key(landing_hour)
    with failing_at_once(SETTINGS.lake, {LANDING_HOURS: [hour]}):
        row = checked_landing_row(SETTINGS.lake, hour)
    account = f"{landing_hour}: {row.lines:,} lines = {row.received:,} received + {row.rejected:,} rejected"
    print(account)
    if not was_requested(dag_run.run_type):
        put_metrics(SETTINGS.lake, settled(row, datetime.now(UTC)))
    return account


@task(outlets=[STALE[EVENT_HOURS]])
def publish_stale_event_hours(landing_hour: str, *, outlet_events: Any = None) -> None:
    """Hand the stale event hours around the landing hour to `aggregate_hour`, except those that are held back."""
    from pipeline.lake_status.hours import publishable_event_hours

    publish(EVENT_HOURS, publishable_event_hours(SETTINGS.lake, parse_hour_key(landing_hour)), outlet_events)


@task(outlets=[STALE[DAYS]])
def publish_stale_days(landing_hour: str, *, outlet_events: Any = None) -> None:
    """Hand the landing hour's day to `aggregate_day`, if it is complete and stale."""
    from pipeline.lake_status.derived import publishable

    publish(DAYS, publishable(SETTINGS.lake, DAYS, {day_of(parse_hour_key(landing_hour))}), outlet_events)


@task(trigger_rule="none_failed", retries=0)
def report_unreadable_objects(landing_hour: str) -> None:
    """Fail if an object of the hour could not be read, so that a person looks at it."""
    from pipeline.lake_status.hours import hours_with_unreadable_objects

    if hours_with_unreadable_objects(SETTINGS.lake, [parse_hour_key(landing_hour)]):
        raise AirflowFailException(
            f"raw objects of {landing_hour} could not be read; the rest of it is in the tables. "
            "See rejected_events of the hour, rejection_reason = 'unreadable_object'"
        )


with pipeline_dag(
    "transform_events",
    description="Raw objects of one landing hour → received_events, rejected_events",
    doc_md=__doc__,
    schedule=CronPartitionTimetable("0 * * * *", timezone="UTC", run_offset=-1, key_format=HOUR_KEY_FORMAT),
    max_active_runs=4,
    alarm_topic=SETTINGS.alarm_topic,
    tags=[Tag.EVENTS, Tag.HOURLY],
    user_defined_macros=LANDING_HOUR.macros,
    params={
        **LANDING_HOUR.params("The landing hour to work on."),
        "allow_open_hour": Param(
            False, type="boolean", description="Run on what has landed so far; the scheduled run replaces it."
        ),
    },
):
    hour = LANDING_HOUR.template
    wait_until_settled = LandingHourSettledSensor(
        task_id="wait_until_settled",
        landing_hour=hour,
        allow_open_hour="{{ params.allow_open_hour }}",
        buffer_interval=SETTINGS.buffer_interval,
    )
    transform = spark_task(
        task_id="transform",
        entry_point="run_transform_events",
        arguments=[
            "--landing-hour",
            hour,
            "{{ '--allow-open-hour' if params.allow_open_hour else"
            " '--settled-before=' ~ ti.xcom_pull(task_ids='wait_until_settled') }}",
            # The hour is published nevertheless; the last task reports the objects.
            "--tolerate-unreadable",
            FORCE_UNLESS_SCHEDULED,
        ],
        settings=SETTINGS,
        partition=hour,
        links=[raw_objects_link(SETTINGS), *table_links(SETTINGS, LANDING_HOURS.written)],
    )
    checked = check_ledger(hour)
    wait_until_settled >> look_for_change(hour) >> transform >> checked
    checked >> [publish_stale_event_hours(hour), publish_stale_days(hour)]
    ask_about_failures(checked)
    # Independent of the other tasks: two causes are two reports.
    transform >> report_unreadable_objects(hour)
