"""
## Clean events of one day → sessions, who was there, and the daily tables

### Why

Sessions, funnels, new users and retention are figures of a day. A session may cross midnight, and a user who was not
seen for 90 days is new: so a day reads one day to each side, and looks back at 120 days.

### When

* By asset: once for every partition of the asset `stale_days`. `transform_events` and `aggregate_hour` emit a day when
  all of its landing hours are settled, and after each later change of its hours. The run also writes the days that
  change with it, if they were written before: the day to each side, and the later days that look back at its users; the
  log of `aggregate` names them. So yesterday, whose sessions may reach into today, is written again with today.
* By hand: *Trigger*, and pick `day`. Then the day is written even if nothing changed, even if a failed data check of an
  event hour holds it back, and even while it is open: from then on, its hours keep it up to date.

### Needs

The Glue catalog, a slot of the pool `spark`. **Never pause it:** Airflow drops the partitions that are emitted
meanwhile (`reconcile_hours` finds those days again).

### Leaves behind

The days' rows in `sessions`, `user_days`, `daily_traffic`, `daily_funnel`, `daily_retention`, `daily_product_stats`,
and in `day_ledger`.

To see what a run wrote: *aggregate → Details* links to the tables, *check_ledger → Storage* has the counts.

### When it fails

* `look_for_change`: the run has no day, or two: trigger it again and fill in `day`. Or the catalog does not answer:
  clear it.
* `aggregate`: the log ends with the reason. Clear it: a day is replaced, never added to.
* `check_ledger`: the day has no row, or its events are not those of its hours, or a data check of severity `fail` did
  not hold in it or in a day that was written with it (`data_checks` has all of them). Keep the log, and inform the
  readers of that day; once the cause is repaired, trigger it again.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, PartitionedAssetTimetable, StartOfDayMapper, task

from contracts.partitions import DAY_KEY_FORMAT, parse_day_key
from contracts.stages import DAYS
from pipeline.conventions import (
    DAY,
    FORCE_UNLESS_SCHEDULED,
    RETRYING,
    STALE,
    START_DATE,
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


@task.short_circuit
def look_for_change(key: str, *, dag_run: Any = None) -> dict[str, list[str]]:
    """Go on to Spark if the day is still due, or if a person asked for the run; return what had failed before."""
    from pipeline.lake_status.checks import failures_now
    from pipeline.lake_status.derived import is_due

    if was_requested(dag_run.run_type) or is_due(SETTINGS.lake, DAYS, parse_day_key(key)):
        return {"failed_before": failures_now(SETTINGS.lake)}
    return {}


@task
def check_ledger(key: str, found: Any) -> str:
    """Return the day's counts; fail unless they are those of its hours, and no data check has failed since."""
    from pipeline.lake_status.checks import require_no_new_failures
    from pipeline.lake_status.derived import checked_rows

    with failing_at_once():
        rows = checked_rows(SETTINGS.lake, DAYS, parse_day_key(key))
        require_no_new_failures(SETTINGS.lake, found["failed_before"])
    counts = [f"{row.events:,} events, {row.users:,} users, {row.sessions:,} sessions" for row in rows] or ["no event"]
    print(f"{key}: {counts[0]}")
    return f"{key}: {counts[0]}"


with DAG(
    "aggregate_day",
    dag_display_name=display_name("aggregate_day"),
    description="Clean events of one day → sessions, users of the day, and the daily tables",
    doc_md=documented(__doc__, DAYS),
    schedule=PartitionedAssetTimetable(
        assets=STALE[DAYS], default_partition_mapper=StartOfDayMapper(input_format=DAY_KEY_FORMAT)
    ),
    start_date=START_DATE,
    catchup=False,
    # One after the other: of several emissions of a day, the first does the work and the others see that it is done.
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=8),
    default_args=RETRYING,
    tags=[Tag.EVENTS, Tag.DAILY],
    user_defined_macros=DAY.macros,
    params=DAY.params("The day (UTC) to write, even if nothing changed or it is not over."),
):
    day = DAY.template
    aggregate = spark_task(
        task_id="aggregate",
        entry_point="run_aggregate_days",
        arguments=["--day", day, FORCE_UNLESS_SCHEDULED],
        settings=SETTINGS,
        links=table_links(SETTINGS, DAYS.written),
    )
    found = look_for_change(day)
    found >> aggregate >> check_ledger(day, found) >> publish_computed_from(DAYS, SETTINGS.lake, [day])
