"""
## Rejected lines that today's contract accepts → their landing hours, transformed again

### Why

A rule was too strict, or a defect rejected good events, and that is repaired now. The lines are still in the raw
objects, and this DAG transforms their landing hours again from there. Nothing is moved from one table to another, so
nothing can be moved twice.

### When

By hand, after a change of the contract. `estimate` counts, by reason, which lines would be accepted now (its log: by
hour), and changes nothing. Then `approve` asks a person, with these figures: *Browse → Required Actions*, or the tab of
that name on the run. Upon *Approve* `replay` transforms the hours again, by what is stored and deployed then. *Reject*,
or no answer within `CLICKSTREAM_ANSWER_HOURS` (24), ends the run as *skipped*, with nothing changed; so does an
estimate by which nothing would change. With `apply` ticked, nobody is asked.

### Needs

The raw objects of these hours (they expire), the Glue catalog, a slot of the pool `spark`; none while it waits for a
person.

### Leaves behind

The rows of the landing hours that the log of `replay` names, validated by today's contract, and the event hours, days
and weeks behind them, written again in the same session; but not what a failed check holds back, nor a day that is
still open and was never written. If it was not approved: the log of `estimate`.

### When it fails

* `find_rejected_hours`: `from` or `to` is no hour, or the catalog does not answer. It skips the run if no hour of the
  range has rejected lines or unreadable objects.
* `approve`: the figures of `estimate` are not there, or no estimate; clear `estimate`. *Skipped*: its log says who
  rejected it, that nobody answered, or that there is nothing to replay; clear `estimate` to be asked again.
* `note_failures`: the catalog does not answer; clear it.
* `estimate`, `replay`: the log ends with the reason. Clear it: an hour is replaced, never added to. If raw objects are
  missing that the ledger names, history has expired: the log names these hours, and they are left as they are. The next
  try, or `reconcile_hours` with the same `from` and `to`, finds what was not written when it failed.
* `check_ledger`: a data check of severity `fail` did not hold in what was written since the run began. No
  run writes anything from it until it is repaired, or until a person has that written by name: `ask` starts a run of
  `decide_failed_check` for each that `find_failures` names.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowSkipException

from contracts.estimates import ShownEstimate
from contracts.partitions import HOUR, hour_key
from contracts.rejections import RejectionReason
from pipeline.approvals import ESTIMATE_NAME, approve_task, choose
from pipeline.conventions import (
    WAITING_RUNS,
    Tag,
    apply_param,
    choice_param,
    chosen_arguments,
    hour_param,
    pipeline_dag,
)
from pipeline.failed_checks import ask_about_failures
from pipeline.question import Question, replay_question
from pipeline.settings import settings_from
from pipeline.spark_task import spark_task
from pipeline.stage_tasks import check_new_failures, note_failures

SETTINGS = settings_from(os.environ)
FOUND = "{{{{ ti.xcom_pull(task_ids='find_rejected_hours')['{}'] }}}}"
#: The estimate looks at what the replay will write.
RANGE = (
    f"--from={FOUND.format('first')}",
    f"--to={FOUND.format('last')}",
    f"--settled-before={FOUND.format('settled_before')}",
    *chosen_arguments("--reason", "reasons", RejectionReason),
)


@task
def find_rejected_hours(*, params: Any = None, dag_run: Any = None) -> dict[str, Any]:
    """Return the first and the last landing hour of the range that rejected something; skip if none did."""
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
    }


def question(shown: ShownEstimate, _params: Any) -> Question:
    """Return what a person is asked; skip the run if there is nothing to replay."""
    if shown.is_empty:
        raise AirflowSkipException(
            "nothing to replay: today's contract accepts no rejected line of an hour that can be transformed again"
        )
    return replay_question(shown)


with pipeline_dag(
    "replay_rejected",
    description="Rejected lines that today's contract accepts → their landing hours, transformed again",
    doc_md=__doc__,
    schedule=None,
    # Others may replay, or be asked, while one waits.
    max_active_runs=WAITING_RUNS,
    # The wait for the answer, then as long as before: the estimate, waits for a slot, and eight hours for the replay.
    dagrun_timeout=SETTINGS.answer_within + timedelta(hours=24),
    tags=[Tag.EVENTS, Tag.OPERATIONS],
    params={
        "from": hour_param("First landing hour, e.g. 2026-11-20T00; empty: the first there is."),
        "to": hour_param("Last landing hour, included; empty: the last there is."),
        "reasons": choice_param(RejectionReason, "Rejection reasons to look at; none picked: all of them."),
        "apply": apply_param("Transform the hours again at once. Without it, you are asked, with an estimate."),
    },
):
    estimate = spark_task(
        task_id="estimate",
        entry_point="run_replay_rejected",
        arguments=[*RANGE, ESTIMATE_NAME],
        settings=SETTINGS,
        timeout=timedelta(hours=8),
    )
    replay = spark_task(
        task_id="replay",
        entry_point="run_replay_rejected",
        arguments=[*RANGE, "--apply"],
        settings=SETTINGS,
        timeout=timedelta(hours=8),
    )
    approve = approve_task(question, SETTINGS)
    failed_before = note_failures(SETTINGS.lake)
    checked = check_new_failures(SETTINGS.lake, failed_before)
    find_rejected_hours() >> choose() >> [estimate, approve]
    estimate >> approve >> failed_before >> replay >> checked
    ask_about_failures(checked, is_last=True)
