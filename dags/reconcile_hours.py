"""
## The safety net: writes everything that is stale again

### Why

A raw object can appear a day late, an event can be seven days late, a run can be lost with its machine, a consumer can
have been paused. No DAG waits for these: this one compares the input that is there with the input that the ledger
names, and writes what differs again, in one Spark session for the whole range.

### When

Hourly at half past, for the last eight days up to the latest settled hour. By hand: `from` and `to`, the first and the
last landing hour, e.g. `2026-11-20T00`.

An hour of large traffic gets a few late events in each of the 168 hours after it. So the hourly runs write it again
within the hour if at least one in 400 of its events is lacking, and these are less than a day late; once a day, at
02:30, if they are later; and at last, once none can come any more, whatever is lacking. A day is written again if it
lacks as many. What is left stale until then is *deferred*: the log of `find_stale` and the metric `DeferredEvents`
count it. A run by hand defers nothing.

### Needs

The raw bucket, the Glue catalog, a slot of the pool `spark` (only if something is stale; the comparison takes seconds).

### Leaves behind

The same tables and ledger rows as `transform_events`, `aggregate_hour` and `aggregate_day`. It writes the event hours
and the days itself, so it hands nothing to these DAGs. For people, it emits a partition of the assets
`reconciled_event_hours` and `reconciled_days` for each hour and day that it wrote (under *Assets*); no DAG consumes
them. A day that was written before, even while it was open, is written again with its own event hours. If only the
hours of the next day made it stale, as those of today do to yesterday, it waits for the end of that day; what a failed
data check holds back is left to a person.

### When it fails

* `find_stale`: `from` or `to` is no hour, or S3 or the catalog does not answer. Its log warns of a range without raw
  objects, and of objects under `raw/` that lie outside of the landing prefixes, which no job reads.
* `reconcile`: the log ends with the reason. Clear it: it finds what is still stale. Until it works, the hours that it
  names keep their former rows; the others are written. The retry resolves a conflict with a run of the same hour.
* `check_ledger`: a landing hour does not balance, or a data check of severity `fail` did not hold in what was
  written since the run began. No run writes anything from it until it is repaired, or until a person has that
  written by name: `ask` starts a run of `decide_failed_check` for each. `find_failures` lists what to ask about; it
  only runs if `check_ledger` has failed. What failed before is not reported again.
* `report_unreadable_objects`: everything readable is written. Look at `rejected_events` of the hours it names, reason
  `unreadable_object`.
"""

import os
from typing import TYPE_CHECKING, Any

from airflow.sdk import CronDataIntervalTimetable, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from contracts.late_events import deferred_text
from contracts.metrics import Metric
from contracts.partitions import HOUR, hour_key, key_text
from contracts.raw_survey import survey_raw
from contracts.stages import DAYS, EVENT_HOURS, LANDING_HOURS, LATER_STAGES, STAGES, DerivedStage, Stage
from pipeline.conventions import (
    RECONCILED,
    REQUESTED,
    WRITTEN_DAYS,
    Tag,
    hour_param,
    pipeline_dag,
    was_requested,
    with_publish_tasks,
)
from pipeline.failed_checks import ask_about_failures, failing_at_once
from pipeline.settings import settings_from
from pipeline.spark_task import spark_task

if TYPE_CHECKING:
    from pipeline.lake_status.reconcile import Stale

SETTINGS = settings_from(os.environ)


def stale_in(found: Any) -> "Stale":
    """Return what `find_stale` found, parsed from the text that travels between tasks."""
    from pipeline.lake_status.reconcile import Stale

    return Stale(keys={stage.name: tuple(map(stage.parse, found[f"{stage.name}s"])) for stage in STAGES})


@task
def find_stale(*, params: Any = None, dag_run: Any = None) -> dict[str, Any]:
    """Return the range to reconcile and what is stale in it; skip if nothing is. Name objects that no job reads."""
    from pipeline.lake_status.checks import failures_now
    from pipeline.lake_status.hours import last_settled_hour
    from pipeline.lake_status.reconcile import reconciled_range, stale_around
    from pipeline.metrics import put_metrics
    from storage.location import open_store

    settled = last_settled_hour(dag_run.run_after, SETTINGS.buffer_interval)
    first, last = reconciled_range(params["from"], params["to"], settled)
    raw_uri = SETTINGS.lake.raw_uri
    for warning in survey_raw(open_store(raw_uri), first, last + HOUR).warnings(raw_uri):
        print(f"WARNING: {warning}")
    defer = not was_requested(dag_run.run_type)
    stale = stale_around(SETTINGS.lake, first, last + HOUR, settled_end=settled + HOUR, defer=defer)
    for stage in (EVENT_HOURS, *LATER_STAGES):
        if deferred := stale.deferred.get(stage.name):
            print("deferred:", deferred_text(stage, deferred))
    if defer:
        lacking = sum(hour.lacking for hour in stale.deferred[EVENT_HOURS.name].values())
        put_metrics(SETTINGS.lake, {Metric.DEFERRED_EVENTS: lacking})
    if not stale:
        raise AirflowSkipException(f"nothing is stale from {hour_key(first)} to {hour_key(last)}")
    keys = {f"{stage.name}s": [*map(key_text, stale.keys[stage.name])] for stage in STAGES}
    for name, stale_keys in keys.items():
        print(f"stale {name.replace('_', ' ')}:", *stale_keys)
    return {
        "first": hour_key(first),
        "last": hour_key(last),
        "settled_before": (settled + HOUR).isoformat(),
        **keys,
        "failed_before": failures_now(SETTINGS.lake),
    }


@task
def check_ledger(found: Any) -> None:
    """Fail unless every transformed landing hour balances, and no data check failed in what was written."""
    from pipeline.lake_status.checks import require_no_new_failures
    from pipeline.lake_status.hours import balanced_landing_rows

    transformed = stale_in(found).keys[LANDING_HOURS.name]
    with failing_at_once(SETTINGS.lake, {}, failed_before=found["failed_before"]):
        rows = balanced_landing_rows(SETTINGS.lake, transformed)
        print(f"{len(rows)} landing hours balance")
        require_no_new_failures(SETTINGS.lake, found["failed_before"])


def publish_task(stage: Stage[Any, Any]) -> str:
    """Return the id of the task that shows what was written of a stage."""
    return f"publish_reconciled_{stage.unit}s"


def publish_reconciled(stage: DerivedStage[Any, Any], found: Any) -> Any:
    """Return the task that shows in Airflow which keys of a stage were written."""

    # The report of a day is drawn from what was written last, by whichever run.
    outlets = [RECONCILED[stage], *([WRITTEN_DAYS] if stage is DAYS else [])]

    @task(task_id=publish_task(stage), outlets=outlets)
    def publish_keys(found: Any, *, outlet_events: Any = None) -> None:
        from pipeline.lake_status.reconcile import reconciled_keys

        keys = [key_text(key) for key in reconciled_keys(SETTINGS.lake, stage, stale_in(found))]
        if not keys:
            raise AirflowSkipException(f"no {stage.title} was written")
        print(f"written {stage.title}s:", *keys)
        for outlet in outlets:
            outlet_events[outlet].add_partitions(keys)

    return publish_keys(found)


@task(retries=0)
def report_unreadable_objects(found: Any) -> None:
    """Fail if an object of a transformed hour could not be read, so that a person looks at it."""
    from pipeline.lake_status.hours import hours_with_unreadable_objects

    transformed = stale_in(found).keys[LANDING_HOURS.name]
    if unreadable := [hour_key(hour) for hour in hours_with_unreadable_objects(SETTINGS.lake, transformed)]:
        raise AirflowFailException(
            f"raw objects of {', '.join(unreadable)} could not be read; the rest is written. "
            "See rejected_events of the hour, rejection_reason = 'unreadable_object'"
        )


with pipeline_dag(
    "reconcile_hours",
    description="Writes again what late objects, late events and lost runs left stale",
    doc_md=with_publish_tasks(__doc__, (publish_task(stage) for stage in RECONCILED)),
    schedule=CronDataIntervalTimetable("30 * * * *", timezone="UTC"),
    alarm_topic=SETTINGS.alarm_topic,
    tags=[Tag.EVENTS, Tag.HOURLY, Tag.SAFETY_NET],
    params={
        "from": hour_param("First landing hour; empty: eight days before the last."),
        "to": hour_param("Last landing hour; empty: the latest settled one."),
    },
):
    found = find_stale()
    reconcile = spark_task(
        task_id="reconcile",
        entry_point="run_reconcile_hours",
        arguments=[
            "--from={{ ti.xcom_pull(task_ids='find_stale')['first'] }}",
            "--to={{ ti.xcom_pull(task_ids='find_stale')['last'] }}",
            "--settled-before={{ ti.xcom_pull(task_ids='find_stale')['settled_before'] }}",
            "--tolerate-unreadable",
            f"{{{{ '' if dag_run.run_type in {REQUESTED} else '--defer' }}}}",
        ],
        settings=SETTINGS,
    )
    found >> reconcile
    # Side by side: a failure of one of them is no reason to keep the others back.
    checked = check_ledger(found)
    reconcile >> [checked, report_unreadable_objects(found)]
    ask_about_failures(checked, is_last=True)
    reconcile >> [publish_reconciled(stage, found) for stage in (EVENT_HOURS, *LATER_STAGES)]
