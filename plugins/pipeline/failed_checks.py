"""A data check failed → the run that found it is red, and a run of `decide_failed_check` asks a person about it.

The question is a run of its own, so that the run that found the failure ends at once and makes room for the next hour.
Its id is that of the failure, so that nobody is asked twice about the same, whichever runs find it.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from contracts.names import LakeLocation
from contracts.partitions import key_text
from contracts.stages import Stage

if TYPE_CHECKING:  # it imports pyiceberg, which a DAG file must not when parsed
    from pipeline.lake_status.store import FailedChecks

DECIDING_DAG: Final = "decide_failed_check"
#: Under this key a task that fails leaves the runs that ask about it; a failed task returns nothing.
_TO_DECIDE: Final = "to_decide"
#: Of a run that finds more failures, the later ones wait in `data_checks`: one cause has made them all.
ASKED_AT_MOST: Final = 20
#: So many characters of the hash of a version are in the id of a run.
_VERSION: Final = 12

Own = Mapping[Stage[Any, Any], Collection[Any]]


@contextmanager
def failing_at_once(lake: LakeLocation, own: Own, *, failed_before: Collection[str] | None = None) -> Iterator[None]:
    """Turn a `LedgerError` into a failure without retries, which would find the same; other errors are retried.

    The failure is counted where the alarms look. If a data check failed, it is left to `ask_about_failures`: those of
    the run's `own` keys by stage and, given what had `failed_before`, all that have failed since.
    """
    from pipeline.lake_status.checks import DataCheckError, LedgerError
    from pipeline.metrics import failures_counted

    try:
        with failures_counted(lake):
            yield
    except LedgerError as error:
        if isinstance(error, DataCheckError):
            _leave_to_decide(lake, own, failed_before)
        raise AirflowFailException(str(error)) from error


def _leave_to_decide(lake: LakeLocation, own: Own, failed_before: Collection[str] | None) -> None:
    from pipeline.lake_status.held_back import failures_to_decide

    found = failures_to_decide(lake, own, failed_before)
    if len(found) > ASKED_AT_MOST:
        print(f"a person is asked about the first {ASKED_AT_MOST} of {len(found)} failures; data_checks has them all")
    runs = [question_run(failed) for failed in found[:ASKED_AT_MOST]]
    get_current_context()["ti"].xcom_push(key=_TO_DECIDE, value=runs)


def question_run(failed: "FailedChecks") -> dict[str, Any]:
    """Return the arguments that start the run that asks about a failure; its id has the failure's key and version."""
    key = key_text(failed.key)
    version = hashlib.sha256(failed.input_version.encode()).hexdigest()[:_VERSION]
    return {
        "trigger_run_id": f"{failed.stage.name}__{key}__{version}",
        "conf": {"stage": failed.stage.name, "key": key, "input_version": failed.input_version},
    }


def ask_about_failures(checked: Any, *, is_last: bool = False) -> None:
    """Let `decide_failed_check` ask about what the task `check_ledger` has found; this only runs if that fails.

    If nothing else comes after `checked`, it `is_last`: Airflow takes a run's state from its last tasks, and those that
    ask succeed.
    """

    @task(task_id="find_failures", trigger_rule="one_failed")
    def find(*, ti: Any = None) -> list[dict[str, Any]]:
        """Return the runs to start, one for each failure that holds something back; skip if there are none."""
        runs: list[dict[str, Any]] | None = ti.xcom_pull(task_ids="check_ledger", key=_TO_DECIDE)
        if not runs:
            raise AirflowSkipException("no failed data check of this run holds anything back")
        print("to be decided:", *(run["trigger_run_id"] for run in runs))
        return runs

    found = find()
    checked >> found
    TriggerDagRunOperator.partial(
        task_id="ask",
        trigger_dag_id=DECIDING_DAG,
        logical_date=None,
        # The run of a failure that was found before is there: it is not asked about again unless that run is cleared.
        skip_when_already_exists=True,
    ).expand_kwargs(found)
    if is_last:
        checked >> EmptyOperator(task_id="all_checks_hold")
