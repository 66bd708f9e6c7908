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
`daily_sources`, `daily_transitions`, `identity_links`, and in `day_ledger`.

To see what a run wrote: *aggregate → Details* links to the tables, *check_ledger → Storage* has the counts.

### When it fails

* `look_for_change`: the run has no day, or two: trigger it again and fill in `day`. Or the catalog does not answer:
  clear it.
* `aggregate`: the log ends with the reason. Clear it: a day is replaced, never added to.
* `check_ledger`: the day has no row, or its events are not those of its hours, or a data check of severity `fail` did
  not hold in it or in a day that was written with it (`data_checks` has all of them). Its week is held back: `ask`
  starts a run of `decide_failed_check`, by which a person can say that it is right. `find_failures` lists what to ask
  about; it only runs if `check_ledger` has failed. Keep the log, and inform the readers of that day; once the cause is
  repaired, trigger it again.
* `publish_written_days`: the catalog or S3 does not answer; clear it. Until then `daily_report` has the day as it was.
"""

import os

from airflow.sdk import PartitionedAssetTimetable, StartOfDayMapper

from contracts.partitions import DAY_KEY_FORMAT
from contracts.stages import DAYS
from pipeline.conventions import DAY, FORCE_UNLESS_SCHEDULED, STALE, Tag, pipeline_dag
from pipeline.failed_checks import ask_about_failures
from pipeline.settings import settings_from
from pipeline.spark_task import spark_task, table_links
from pipeline.stage_tasks import (
    check_ledger,
    documented,
    look_for_change,
    publish_computed_from,
    publish_written_days,
)

SETTINGS = settings_from(os.environ)

with pipeline_dag(
    "aggregate_day",
    description="Clean events of one day → sessions, users of the day, and the daily tables",
    doc_md=documented(__doc__, DAYS),
    schedule=PartitionedAssetTimetable(
        assets=STALE[DAYS], default_partition_mapper=StartOfDayMapper(input_format=DAY_KEY_FORMAT)
    ),
    alarm_topic=SETTINGS.alarm_topic,
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
    found = look_for_change(DAYS, SETTINGS.lake, day)
    checked = check_ledger(DAYS, SETTINGS.lake, day, found)
    found >> aggregate >> checked >> publish_computed_from(DAYS, SETTINGS.lake, [day])
    checked >> publish_written_days(SETTINGS.lake, day)
    ask_about_failures(checked)
