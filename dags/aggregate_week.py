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
  not hold in it (`data_checks` has all of them). It holds nothing back, so nobody is asked about it. Keep the log, and
  inform the readers of that week; once the cause is repaired, trigger it again.
"""

import os

from airflow.sdk import PartitionedAssetTimetable, StartOfDayMapper

from contracts.partitions import DAY_KEY_FORMAT
from contracts.stages import WEEKS
from pipeline.conventions import FORCE_UNLESS_SCHEDULED, STALE, KeyField, Tag, pipeline_dag
from pipeline.settings import settings_from
from pipeline.spark_task import spark_task, table_links
from pipeline.stage_tasks import check_ledger, documented, look_for_change, publish_computed_from

SETTINGS = settings_from(os.environ)
WEEK = KeyField(stage=WEEKS)

with pipeline_dag(
    "aggregate_week",
    description="Days of one week → its users, sessions, conversion and revenue",
    doc_md=documented(__doc__, WEEKS),
    schedule=PartitionedAssetTimetable(
        assets=STALE[WEEKS], default_partition_mapper=StartOfDayMapper(input_format=DAY_KEY_FORMAT)
    ),
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
    found = look_for_change(WEEKS, SETTINGS.lake, week)
    checked = check_ledger(WEEKS, SETTINGS.lake, week, found)
    found >> aggregate >> checked >> publish_computed_from(WEEKS, SETTINGS.lake, [week])
