"""
## Days of one week → the week's traffic

### Why

The users of a week are no sum of its days: who comes on Monday and on Friday is one user. Sessions, conversion, revenue
and new users are sums, and stand beside them.

### When

* By asset: once for every partition of the asset `stale_weeks`, a Monday. `aggregate_day` emits a week when it is over,
  all of its landing hours are settled and its days are up to date, and after each later change of one of its days.
* By hand: *Trigger*, and pick the Monday as `week`. Then the week is written even if nothing changed, even if a failed
  data check of a day holds it back, and even while it is open.

### Needs

The Glue catalog, a slot of the pool `spark`. **Never pause it:** Airflow drops the partitions that are emitted
meanwhile (`reconcile_hours` finds those weeks again).

### Leaves behind

The week's row in `weekly_traffic`, and in `week_ledger`.

To see what a run wrote: *aggregate → Details* links to the tables, *check_ledger → Storage* has the counts.

### When it fails

* `look_for_change`: the run has no week, or two, or a day that is no Monday: trigger it again and fill in `week`. Or
  the catalog does not answer: clear it.
* `aggregate`: the log ends with the reason. Clear it: a week is replaced, never added to.
* `check_ledger`: the week has no row, or its events are not those of its days, or a data check of severity `fail` did
  not hold in it (`data_checks` has all of them). Keep the log, and inform the readers of that week; once the cause is
  repaired, trigger it again.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, PartitionedAssetTimetable, StartOfDayMapper, task

from contracts.partitions import DAY_KEY_FORMAT
from contracts.stages import WEEKS
from pipeline.conventions import (
    FORCE_UNLESS_SCHEDULED,
    RETRYING,
    STALE,
    START_DATE,
    KeyField,
    Tag,
    display_name,
    documented,
    failing_at_once,
    publish_computed_from,
    was_requested,
)
from pipeline.settings import settings_from
from pipeline.spark_task import spark_task, table_links

SETTINGS = settings_from(os.environ)
WEEK = KeyField(stage=WEEKS)


@task.short_circuit
def look_for_change(key: str, *, dag_run: Any = None) -> dict[str, list[str]]:
    """Go on to Spark if the week is still due, or if a person asked for the run; return what had failed before."""
    from pipeline.lake_status.checks import failures_now
    from pipeline.lake_status.derived import is_due

    if was_requested(dag_run.run_type) or is_due(SETTINGS.lake, WEEKS, WEEKS.parse(key)):
        return {"failed_before": failures_now(SETTINGS.lake)}
    return {}


@task
def check_ledger(key: str, found: Any) -> str:
    """Return the week's counts; fail unless they are those of its days, and no data check has failed since."""
    from pipeline.lake_status.checks import require_no_new_failures
    from pipeline.lake_status.derived import checked_rows

    with failing_at_once():
        rows = checked_rows(SETTINGS.lake, WEEKS, WEEKS.parse(key))
        require_no_new_failures(SETTINGS.lake, found["failed_before"])
    counts = [f"{row.events:,} events, {row.users:,} users, {row.sessions:,} sessions" for row in rows] or ["no event"]
    print(f"{key}: {counts[0]}")
    return f"{key}: {counts[0]}"


with DAG(
    "aggregate_week",
    dag_display_name=display_name("aggregate_week"),
    description="Days of one week → its users, sessions, conversion and revenue",
    doc_md=documented(__doc__, WEEKS),
    schedule=PartitionedAssetTimetable(
        assets=STALE[WEEKS], default_partition_mapper=StartOfDayMapper(input_format=DAY_KEY_FORMAT)
    ),
    start_date=START_DATE,
    catchup=False,
    # One after the other: of several emissions of a week, the first does the work and the others see that it is done.
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=8),
    default_args=RETRYING,
    tags=[Tag.EVENTS],
    user_defined_macros=WEEK.macros,
    params=WEEK.params("The Monday (UTC) of the week to write, even if nothing changed or it is not over."),
):
    week = WEEK.template
    aggregate = spark_task(
        task_id="aggregate",
        entry_point="run_aggregate_weeks",
        arguments=["--week", week, FORCE_UNLESS_SCHEDULED],
        settings=SETTINGS,
        links=table_links(SETTINGS, WEEKS.written),
    )
    found = look_for_change(week)
    found >> aggregate >> check_ledger(week, found) >> publish_computed_from(WEEKS, SETTINGS.lake, [week])
