"""Estimate → a person's approval → what changes the past: the tasks that the DAGs of such operations share.

The estimate is a Spark job that changes nothing; it writes its figures beside the tables (`contracts.estimates`), and
its session ends before a person is asked.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException

from contracts.estimates import EstimateError, ShownEstimate, estimate_from, estimate_prefix
from contracts.names import LakeLocation
from pipeline.ask_person import AskPersonOperator
from pipeline.question import Question
from pipeline.settings import PipelineSettings

#: An argument of the job that estimates: the document's name, which the run's id makes its own.
ESTIMATE_NAME: Final = "--estimate-name={{ dag.dag_id }}/{{ run_id }}"
APPROVE: Final = "Approve"
REJECT: Final = "Reject"

Ask = Callable[[ShownEstimate, Mapping[str, Any]], Question]


def approve_task(question: Ask, settings: PipelineSettings) -> AskPersonOperator:
    """Return the task that lets a run go on: upon a person's answer, or because the box `apply` was ticked.

    `question` makes the question of the estimate and the run's params. What changes anything must depend on this task,
    and on no other: it succeeds for these two reasons alone.
    """

    def ask(context: Any) -> Question | None:
        if context["params"]["apply"]:
            return None
        shown = _read_estimate(settings.lake, f"{context['dag'].dag_id}/{context['run_id']}")
        return question(shown, context["params"])

    return AskPersonOperator(
        task_id="approve",
        question=ask,
        yes=APPROVE,
        no=REJECT,
        otherwise="nothing was changed",
        settings=settings,
        # After the estimate, or after `choose`, which skips it. If a task before these skipped, so does this one.
        trigger_rule="none_failed_min_one_success",
    )


@task.branch
def choose(*, params: Any = None) -> str:
    """Return the task to run: the one that estimates, for a person to decide by, or, with `apply` ticked, the next."""
    return "approve" if params["apply"] else "estimate"


def _read_estimate(lake: LakeLocation, name: str) -> ShownEstimate:
    """Return what the run's estimate has written; raise AirflowFailException if that is not there."""
    from storage.location import open_store

    store = open_store(lake.warehouse_uri)
    prefix = estimate_prefix(name)
    found = next(store.objects(prefix), None)
    if found is None:
        raise AirflowFailException(f"{lake.warehouse_uri}/{prefix} has no figures: clear `estimate`, which writes them")
    try:
        return estimate_from(b"".join(store.blocks(found)))
    except EstimateError as error:
        raise AirflowFailException(f"{found.key}: {error}; clear `estimate`, which writes it again") from error
