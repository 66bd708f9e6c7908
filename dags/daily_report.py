"""
## Tables of one day → a report for people, one HTML file

### Why

Not everybody has an account of Airflow, and a page changes with its tables. A report is a file: it can be mailed and
kept, opens without a server, and asks for nothing. It shows what the pages show of a day: traffic beside the week
before, funnel, paths, retention, products, and where each line went. It names no visitor.

### When

* By asset: once for every partition of the asset `written_days`. `aggregate_day` emits a day when its tables are
  written and hold, which is when all of its landing hours are settled, and `reconcile_hours` after each later change.
  The report of that day is then replaced.
* By hand: *Trigger*, and pick `day`. What of it is not settled says so in the report.
* Without Airflow: `python -m clickstream_report --day 2026-11-22`.

### Needs

The Glue catalog, the tables' files, CloudWatch's metrics of the API and the stream (the report says so if it can't have
them), and the right to write below `reports/` in the warehouse bucket. It may be paused: reports of days that are
written meanwhile are then made by hand.

### Leaves behind

`reports/day=2026-11-22.html` in the warehouse bucket, whole or not at all. Nothing deletes it. It holds counts and the
names of events, products and sources, so that an erasure has nothing to do there.

### When it fails

* `write_report`: the run has no day, or two: trigger it again and fill in `day`. Or the catalog or S3 does not answer:
  clear it. The pages (*Analytics*) show the same from the same tables.
"""

import os

from airflow.sdk import PartitionedAssetTimetable, StartOfDayMapper, task

from contracts.partitions import DAY_KEY_FORMAT, REPORT_PREFIX
from contracts.stages import DAYS
from pipeline.conventions import DAY, WRITTEN_DAYS, Tag, pipeline_dag
from pipeline.settings import settings_from

SETTINGS = settings_from(os.environ)


@task
def write_report(day: str) -> str:
    """Write the report of a day; return where it is."""
    from clickstream_report.views_of_day import report, views_of
    from storage.location import open_store

    content = report(views_of(SETTINGS.lake, SETTINGS.environment), DAYS.parse(day)).encode()
    store, name = open_store(SETTINGS.lake.warehouse_uri).beside(REPORT_PREFIX), f"day={day}.html"
    store.put(name, content)
    print(f"{store}{name}: {len(content):,} bytes")
    return f"{store}{name}"


with pipeline_dag(
    "daily_report",
    description="Tables of one day → a report, one HTML file in the warehouse bucket",
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(
        assets=WRITTEN_DAYS, default_partition_mapper=StartOfDayMapper(input_format=DAY_KEY_FORMAT)
    ),
    alarm_topic=SETTINGS.alarm_topic,
    tags=[Tag.EVENTS, Tag.DAILY],
    user_defined_macros=DAY.macros,
    params=DAY.params("The day (UTC) of the report."),
):
    write_report(DAY.template)
