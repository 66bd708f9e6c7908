"""
## Compacts files, expires snapshots and removes forgotten files, table by table

### Why

Every run commits a few small files per table and a snapshot of it; late events rewrite old hours. Without maintenance,
queries slow down with the number of files, and storage keeps every row that was ever replaced.

### When

Daily at 03:40 UTC, all tables. By hand: pick tables, or other ages, in the form.

### Needs

The Glue catalog, the warehouse bucket, a slot of the pool `spark`. Other runs may go on: their commits are kept, and a
table that they keep changing is left for the next day.

### Leaves behind

The same rows in fewer files, without the rejected lines whose raw objects have expired
(`CLICKSTREAM_RAW_RETENTION_DAYS`); no snapshot that ceased to be current `snapshot_age_hours` ago, and no file older
than `orphan_age_hours` that no snapshot names. The log of `maintain` has files, bytes and snapshots of each table,
before and after. Queries of the past (*time travel*) reach back as far as the snapshots do.

### When it fails

* `maintain`: the log ends with the table and the reason; tables named before it are done. Clear it, or wait for the
  next day: nothing depends on it. *Never* set `orphan_age_hours` below the length of the longest run: a run's new
  files are orphans until it commits.
"""

import os

from airflow.sdk import CronDataIntervalTimetable

from contracts.stages import ALL_TABLES
from pipeline.conventions import Tag, choice_param, chosen_arguments, hours_param, optional_argument, pipeline_dag
from pipeline.settings import settings_from
from pipeline.spark_task import spark_task

SETTINGS = settings_from(os.environ)
TABLE_NAMES = [table.name for table in ALL_TABLES]

with pipeline_dag(
    "maintain_tables",
    description="Compacts files, expires snapshots and removes forgotten files, table by table",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("40 3 * * *", timezone="UTC"),
    alarm_topic=SETTINGS.alarm_topic,
    tags=[Tag.OPERATIONS],
    params={
        "tables": choice_param(TABLE_NAMES, "Tables to maintain; none picked: all of them."),
        "snapshot_age_hours": hours_param(
            "Snapshots that ceased to be current longer ago than this are expired; empty: five days.", at_least=1
        ),
        "orphan_age_hours": hours_param(
            "Files older than this that no snapshot names are removed; empty: three days. "
            "Longer than any run takes, or the files of a run at work are removed.",
            at_least=24,
        ),
    },
):
    spark_task(
        task_id="maintain",
        entry_point="run_maintain_tables",
        arguments=[
            *chosen_arguments("--table", "tables", TABLE_NAMES),
            optional_argument("--snapshot-age-hours", "snapshot_age_hours"),
            optional_argument("--orphan-age-hours", "orphan_age_hours"),
            f"--raw-retention-days={SETTINGS.raw_retention.days}",
        ],
        settings=SETTINGS,
    )
