"""
## A data check failed: a person says whether it is right

### Why

A data check of severity `fail` holds back what would be written from an hour or a day. Most often it is right to do so.
Sometimes the figure is true, and only a person can say so: this DAG asks, with the figures, and writes what was held
back by name, as a person would by hand.

### When

By the task `ask` of the run that found it: one run for each failure, whose id names it, so that the same failure is
asked about once, whoever finds it. The run that found it is red, and holds up nobody. By hand: *Trigger*, with `stage`
and `key`, or clear an old run, to be asked (again) about a failure that still stands.

### Needs

The Glue catalog and the raw bucket. **Never pause it:** nobody would be asked. While it waits it holds neither a worker
nor a slot of a pool. It waits for an answer as long as `CLICKSTREAM_ANSWER_HOURS` says (24), and then for the hours and
days that are not over yet. *Browse → Required Actions* lists the open questions; `CLICKSTREAM_APPROVERS` limits who may
answer, and the topic `CLICKSTREAM_ALARM_TOPIC` gets a notice with a link.

### Leaves behind

* *It is right*: a run of `aggregate_hour`, `aggregate_day` or `aggregate_week` for each range of hours, each day, each
  week that was held back; what comes after it goes on by itself. An hour is written once the landing hour after it is
  settled, a day or a week once it is over.
* *Keep it back*, or no answer in time: nothing. `ask` is *skipped*, and its log says by whom or why.

### When it fails

* `ask`: the form names no failure, or the catalog does not answer. It skips the run if the hour or day was written
  again since, or if nothing is held back any more.
* `find_held_back`: the catalog does not answer; clear it.
* `write_by_name.wait_until_over`: what was held back was not complete within ten days: hours of the day are stale, most
  likely held back themselves. Write it by hand once they are there. It skips what is held back no more, or by another
  failure that came since, about which another run asks.
* `write_by_name.write`: the DAG that it starts is not there. Look for import errors.
"""

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from contracts.partitions import PartitionKeyError
from contracts.stages import STAGES
from pipeline.ask_person import AskPersonOperator
from pipeline.conventions import WAITING_RUNS, Tag, pipeline_dag
from pipeline.held_back_sensor import OVER_WITHIN, HeldBackSensor, held_back_text
from pipeline.question import Question, check_question
from pipeline.settings import settings_from

if TYPE_CHECKING:
    from pipeline.lake_status.held_back import FailureNow

SETTINGS = settings_from(os.environ)
#: The keys of the last stage hold nothing back.
ASKED_ABOUT: Final = [stage.name for stage in STAGES[:-1]]
SHOWN: Final = "failures_shown"


def failure_of(params: Any) -> "FailureNow":
    """Return the failure that a run is about; skip the run if it stands no more."""
    from pipeline.lake_status.held_back import failure_now, stage_named
    from pipeline.lake_status.store import open_ledger

    stage = stage_named(params["stage"])
    try:
        key = stage.parse(params["key"])
    except PartitionKeyError as error:
        raise AirflowFailException(f"key: {error}; trigger the DAG again with one, e.g. {stage.example}") from error
    row = open_ledger(SETTINGS.lake).row(stage, key)
    version = params["input_version"] or (row.input_version if row else "")
    failure = failure_now(SETTINGS.lake, stage, key, version)
    if failure is None:
        raise AirflowSkipException(
            f"{stage.named(key)}: nothing to decide: it was written again since, or nothing is held back by it"
        )
    return failure


def question(context: Any) -> Question:
    """Return what to ask, and note which failures the person is shown."""
    failure = failure_of(context["params"])
    context["ti"].xcom_push(key=SHOWN, value=[failure.failed.identity, *failure.also_failed])
    return check_question(failure)


@task
def find_held_back(*, params: Any = None) -> list[dict[str, str]]:
    """Return what the failure holds back: ranges of hours, days or weeks, each to be written by a run of its own."""
    units = failure_of(params).units
    for unit in units:
        print(f"to be written by name: {unit.stage.title} {unit}")
    return [held_back_text(unit) for unit in units]


@task_group
def write_by_name(held: dict[str, str], shown: Any) -> None:
    """Wait until what was held back is over, and start the run that writes it."""
    run = "ti.xcom_pull(task_ids='write_by_name.wait_until_over', map_indexes=ti.map_index)"
    fields: Any = f"{{{{ {run}['fields'] | tojson }}}}"
    wait = HeldBackSensor(task_id="wait_until_over", lake=SETTINGS.lake, held=held, shown=shown)
    wait >> TriggerDagRunOperator(
        task_id="write",
        trigger_dag_id=f"{{{{ {run}['dag_id'] }}}}",
        conf=fields,
        logical_date=None,
    )


with pipeline_dag(
    "decide_failed_check",
    description="A data check failed: a person says whether it is right, and what it held back is written by name",
    doc_md=__doc__,
    schedule=None,
    # It only runs when a check failed; if it were paused, nobody would be asked.
    is_paused_upon_creation=False,
    max_active_runs=WAITING_RUNS,
    # The answer, then the end of the week: longer than both waits, so that each ends by itself and says why.
    dagrun_timeout=SETTINGS.answer_within + OVER_WITHIN + timedelta(hours=8),
    alarm_topic=SETTINGS.alarm_topic,
    tags=[Tag.EVENTS, Tag.OPERATIONS],
    params={
        "stage": Param(ASKED_ABOUT[0], type="string", enum=ASKED_ABOUT, description="In what the check failed."),
        "key": Param(type="string", description="The hour or day, e.g. 2026-11-22T10 or 2026-11-22."),
        "input_version": Param(
            None, type=["null", "string"], description="Leave it empty: the version in the ledger is meant."
        ),
    },
):
    ask = AskPersonOperator(
        task_id="ask",
        question=question,
        yes="It is right",
        no="Keep it back",
        otherwise="nothing is written from it",
        settings=SETTINGS,
    )
    held_back: Any = find_held_back()
    ask >> held_back
    shown: Any = ask.output
    write_by_name.partial(shown=shown[SHOWN]).expand(held=held_back)
