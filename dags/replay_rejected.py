"""
## Rejected lines that today's contract accepts → their landing hours, transformed again

### Why

A rule was too strict, or a defect rejected good events, and that is repaired now. The lines are still in the raw
objects, and this DAG transforms their landing hours again from there. Nothing is moved from one table to another, so
nothing can be moved twice.

### When

By hand, after a change of the contract. First without `apply`: the log of `replay` shows, by hour and reason, which
lines would be accepted now, and nothing is changed. Then the same with `apply`.

### Needs

The raw objects of these hours (they expire), the Glue catalog, a slot of the pool `spark`.

### Leaves behind

Without `apply`: the log. With it: the rows of the landing hours that it names, validated by today's contract, and the
event hours, days and weeks behind them, written again in the same session; but not what a failed check holds back, nor
a day that is still open and was never written.

### When it fails

* `find_rejected_hours`: `from` or `to` is no hour, or the catalog does not answer. It skips the run if no hour of the
  range has rejected lines or unreadable objects.
* `replay`: the log ends with the reason. Clear it: an hour is replaced, never added to. If raw objects are missing
  that the ledger names, history has expired: the log names these hours, and they are left as they are. The next try, or
  `reconcile_hours` with the same `from` and `to`, finds what was not written when it failed.
* `check_ledger`: a data check of severity `fail` did not hold in what was written since the run began. No
  run writes anything from it until it is repaired, or until a person has that written by name.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowSkipException

from contracts.partitions import HOUR, hour_key
from contracts.rejections import RejectionReason
from pipeline.conventions import APPLY, Tag, apply_param, choice_param, chosen_arguments, hour_param, pipeline_dag
from pipeline.settings import settings_from
from pipeline.spark_task import spark_task
from pipeline.stage_tasks import check_new_failures

SETTINGS = settings_from(os.environ)
FOUND = "{{{{ ti.xcom_pull(task_ids='find_rejected_hours')['{}'] }}}}"


@task
def find_rejected_hours(*, params: Any = None, dag_run: Any = None) -> dict[str, Any]:
    """Return the first and the last landing hour of the range that rejected something; skip if none did."""
    from pipeline.lake_status.checks import failures_now
    from pipeline.lake_status.hours import hours_with_rejections, last_settled_hour

    hours = hours_with_rejections(SETTINGS.lake, params["from"], params["to"])
    if not hours:
        raise AirflowSkipException("no landing hour of the range has rejected lines or unreadable objects")
    print(f"{len(hours)} landing hours have rejected lines or unreadable objects")
    settled = last_settled_hour(dag_run.run_after, SETTINGS.buffer_interval)
    return {
        "first": hour_key(hours[0]),
        "last": hour_key(hours[-1]),
        "settled_before": (settled + HOUR).isoformat(),
        "failed_before": failures_now(SETTINGS.lake),
    }


with pipeline_dag(
    "replay_rejected",
    description="Rejected lines that today's contract accepts → their landing hours, transformed again",
    doc_md=__doc__,
    schedule=None,
    dagrun_timeout=timedelta(hours=24),
    tags=[Tag.EVENTS, Tag.OPERATIONS],
    params={
        "from": hour_param("First landing hour, e.g. 2026-11-20T00; empty: the first there is."),
        "to": hour_param("Last landing hour, included; empty: the last there is."),
        "reasons": choice_param(RejectionReason, "Rejection reasons to look at; none picked: all of them."),
        "apply": apply_param("Transform the hours again. Without it, the log shows what would change."),
    },
):
    replay = spark_task(
        task_id="replay",
        entry_point="run_replay_rejected",
        arguments=[
            f"--from={FOUND.format('first')}",
            f"--to={FOUND.format('last')}",
            f"--settled-before={FOUND.format('settled_before')}",
            *chosen_arguments("--reason", "reasons", RejectionReason),
            APPLY,
        ],
        settings=SETTINGS,
        timeout=timedelta(hours=8),
    )
    found: Any = find_rejected_hours()
    found >> replay >> check_new_failures(SETTINGS.lake, found["failed_before"])
