"""
## A person asks to be forgotten: their events removed from every table and every raw object

### Why

The right to erasure. Deleting rows is not enough: the lines are also in raw objects, in rejected lines, and in the old
snapshots of every table, and could come back from each of them.

### When

By hand, with the ids, one a line. `estimate` counts how many rows, lines and objects hold them, and changes nothing.
Then `approve` asks a person, with these figures: *Browse → Required Actions*, or the tab of that name on the run. Upon
*Approve* it erases, which cannot be undone; *Reject*, or no answer within `CLICKSTREAM_ANSWER_HOURS` (24), ends the run
as *skipped*, with nothing changed. What has come in since the estimate is erased, too. With `apply` ticked, nobody is
asked, and nothing is estimated.

With `follow_links`, what they did before they signed in goes, too, as far as a browser was theirs alone; afterwards
nothing says which browsers were.

### Needs

The raw bucket, the warehouse bucket, the Glue catalog, and **all slots of the pool `spark`**: it waits until no other
Spark task of ours runs, and none starts until it has ended, because a run that read the old rows before it would write
them again after it. That works while the pool has as many slots as the environment variable `CLICKSTREAM_SPARK_SLOTS`
says. Do not start it while a backfill runs: it would wait for the backfill's end. While it waits for a person, it
holds no slot and no worker.

### Leaves behind

No row and no line of the users, in tables, raw objects, errors or old snapshots; the tables of what held them,
written again without them; the hashes of the ids in `erased_users`, by which `transform_events` rejects their later
events (reason `erased_user`, without the line). The log of `erase` ends with the count of survivors, 0. The snapshots
from before are deleted, and with them the tables' past.

The ids themselves stay **in this run's configuration** in Airflow's database, so that it can be cleared and resumed;
in the task logs, ids of five characters and more are masked; the question and its notice have none. *Delete the run* in
the UI when the erasure is confirmed. The figures stay under `estimates/` beside the tables.

### When it fails

* `approve`: the figures of `estimate` are not there, or no estimate; clear `estimate`. *Skipped*: its log says who
  rejected it, or that nobody answered; clear `estimate` to be asked again.
* `estimate`, `erase`: the log ends with the reason. Clear it: the job continues where it stopped, and skips what is
  erased already.
* `erase` with *the users themselves are still there*: something is left of the browsers that were followed, which go
  first. Do as below, and clear it.
* `erase` with survivors: the log names the objects that still hold a user, or cannot be searched, and what to do. If
  objects cannot be read and may be lost, trigger it again with `discard_unreadable`; otherwise clear it once. If event
  hours were not written again, transform the landing hours that feed them, then clear it.
* `check_ledger`: the users are erased, but a data check of severity `fail` did not hold in what was written again.
  Other runs write nothing from it until it is repaired, or until a person has that written by name: `ask` starts a
  run of `decide_failed_check` for each that `find_failures` names.
* `note_failures`: the catalog does not answer; clear it.
* `erase` stays *scheduled*: another Spark task is running, or the pool has fewer slots than
  `CLICKSTREAM_SPARK_SLOTS`. *Admin → Pools* shows which.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import Param
from airflow.sdk.log import mask_secret

from contracts.estimates import ShownEstimate
from pipeline.approvals import ESTIMATE_NAME, approve_task, choose
from pipeline.conventions import WAITING_RUNS, Tag, apply_param, pipeline_dag
from pipeline.failed_checks import ask_about_failures
from pipeline.question import Question, erasure_question
from pipeline.settings import settings_from
from pipeline.spark_task import spark_task
from pipeline.stage_tasks import check_new_failures, note_failures

SETTINGS = settings_from(os.environ)
MAX_USERS = 100

#: One argument, whatever characters are in the ids.
USERS = "--user-ids-json={{ params.user_ids | tojson }}"
FOLLOW = "{{ '--follow-links' if params.follow_links else '' }}"


def mask_user_ids(context: Any) -> None:
    """Keep the ids out of the task's log, which shows the command line of the job."""
    for user_id in context["params"]["user_ids"]:
        mask_secret(user_id)


def question(shown: ShownEstimate, params: Any) -> Question:
    """Return what a person is asked: by how many users there are, not by who they are."""
    return erasure_question(shown, users=len(set(params["user_ids"])), discard_unreadable=params["discard_unreadable"])


with pipeline_dag(
    "erase_user",
    description="A person asks to be forgotten: their events deleted from every table and every raw object",
    doc_md=__doc__,
    schedule=None,
    # Others may erase, or be asked, while one waits; the pool lets them erase one after the other.
    max_active_runs=WAITING_RUNS,
    # The wait for the answer, then as long as before: the estimate, the wait for all slots, and a day for the erasure.
    dagrun_timeout=SETTINGS.answer_within + timedelta(hours=48),
    tags=[Tag.OPERATIONS, Tag.PRIVACY],
    params={
        "user_ids": Param(
            type="array",
            items={"type": "string", "minLength": 1, "maxLength": 256},
            minItems=1,
            maxItems=MAX_USERS,
            description="The ids (user_id) to erase, one a line, exactly as they were sent.",
        ),
        "follow_links": Param(
            False,
            type="boolean",
            description="Erase the anonymous ids, too, that identity_links connects with these users and nobody else.",
        ),
        "discard_unreadable": Param(
            False,
            type="boolean",
            description="Empty raw and error objects that cannot be read, since they may hold a user.",
        ),
        "apply": apply_param("Erase them at once, for good. Without it, you are asked, with an estimate."),
    },
):
    estimate = spark_task(
        task_id="estimate",
        entry_point="run_erase_user",
        arguments=[USERS, FOLLOW, ESTIMATE_NAME],
        settings=SETTINGS,
        before=mask_user_ids,
    )
    erase = spark_task(
        task_id="erase",
        entry_point="run_erase_user",
        arguments=[
            USERS,
            FOLLOW,
            "--apply",
            "--alone",
            "{{ '--discard-unreadable' if params.discard_unreadable else '' }}",
        ],
        settings=SETTINGS,
        timeout=timedelta(hours=24),
        alone=True,
        before=mask_user_ids,
    )
    approve = approve_task(question, SETTINGS)
    failed_before = note_failures(SETTINGS.lake)
    checked = check_new_failures(SETTINGS.lake, failed_before)
    choose() >> [estimate, approve]
    estimate >> approve >> failed_before >> erase >> checked
    ask_about_failures(checked, is_last=True)
