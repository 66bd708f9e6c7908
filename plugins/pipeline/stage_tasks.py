"""The tasks that the DAGs of later stages share: is a key due, does its ledger hold, and what is computed from it.

`aggregate_day` and `aggregate_week` differ in their stage alone; a DAG of another stage that is computed from these
needs no task of its own.
"""

from collections.abc import Collection
from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowSkipException

from contracts.names import LakeLocation
from contracts.partitions import DAY, key_text
from contracts.stages import DAYS, LATER_STAGES, DerivedStage, Key, Stage
from pipeline.conventions import STALE, WRITTEN_DAYS, was_requested, with_publish_tasks
from pipeline.failed_checks import failing_at_once

# What imports pyiceberg is imported by the task that needs it: it takes a second, at every parse of a DAG file.


def look_for_change(stage: DerivedStage[Any, Any], lake: LakeLocation, key: str) -> Any:
    """Return the task that decides whether a run goes on to Spark; `check_ledger` takes its result."""

    @task.short_circuit(task_id="look_for_change")
    def look(key: str, *, dag_run: Any = None) -> dict[str, list[str]]:
        """Go on to Spark if the key is still due, or if a person asked for the run; return what had failed before."""
        from pipeline.lake_status.checks import failures_now
        from pipeline.lake_status.derived import is_due

        if was_requested(dag_run.run_type) or is_due(lake, stage, stage.parse(key)):
            return {"failed_before": failures_now(lake)}
        return {}

    return look(key)


def check_ledger(stage: DerivedStage[Any, Any], lake: LakeLocation, key: str, found: Any) -> Any:
    """Return the task that checks what a run has written; `found` is the result of `look_for_change`."""

    @task(task_id="check_ledger")
    def check(key: str, found: Any) -> str:
        """Return the key's counts; fail unless they are those of its source, and no data check has failed since."""
        from pipeline.lake_status.checks import require_no_new_failures
        from pipeline.lake_status.derived import checked_rows

        with failing_at_once(lake, {stage: [stage.parse(key)]}, failed_before=found["failed_before"]):
            rows = checked_rows(lake, stage, stage.parse(key))
            require_no_new_failures(lake, found["failed_before"])
        counts = [f"{row.events:,} events, {row.users:,} users, {row.sessions:,} sessions" for row in rows]
        account = f"{key}: {counts[0] if counts else 'no event'}"
        print(account)
        return account

    return check(key, found)


def note_failures(lake: LakeLocation) -> Any:
    """Return the task that notes what had failed before the change: the wait for a person may have been long."""

    @task(task_id="note_failures")
    def note() -> list[str]:
        """Return in which hours, days and weeks data checks have failed by now."""
        from pipeline.lake_status.checks import failures_now

        return failures_now(lake)

    return note()


def check_new_failures(lake: LakeLocation, failed_before: Any) -> Any:
    """Return the task `check_ledger` of a job that writes many keys."""

    @task(task_id="check_ledger")
    def check(failed_before: Any) -> None:
        """Fail if a data check failed in what was written."""
        from pipeline.lake_status.checks import require_no_new_failures

        with failing_at_once(lake, {}, failed_before=failed_before):
            require_no_new_failures(lake, failed_before)

    return check(failed_before)


def publish(stage: DerivedStage[Key, Any], keys: Collection[Key], outlet_events: Any) -> None:
    """Hand the stale keys of a stage to the DAG that writes them; skip the task if there are none.

    A task that succeeds without keys would emit the run's own key.
    """
    if not keys:
        raise AirflowSkipException(f"no {stage.title} is stale, complete and not held back by a failed data check")
    print(f"stale {stage.title}s:", *map(key_text, keys))
    outlet_events[STALE[stage]].add_partitions([key_text(key) for key in keys])


def publish_computed_from(source: Stage[Any, Any], lake: LakeLocation, written: Any) -> list[Any]:
    """Return a task for each later stage that is computed from `source`: it hands on the keys that changed.

    `written` are the keys of `source` that were written, as text. Sessions also reach into the day before.
    """

    def publishing(stage: DerivedStage[Any, Any]) -> Any:
        @task(task_id=_publish_task(stage), outlets=[STALE[stage]])
        def publish_stale(written: Any, *, outlet_events: Any = None) -> None:
            from pipeline.lake_status.derived import publishable

            keys = {stage.at(start) for key in map(source.parse, written) for start in (key - source.step, key)}
            publish(stage, publishable(lake, stage, keys), outlet_events)

        return publish_stale(written)

    return [publishing(stage) for stage in _computed_from(source)]


def publish_written_days(lake: LakeLocation, day: str) -> Any:
    """Return the task that hands on a day that was written, and the day to each side, whose sessions it changes."""

    @task(task_id="publish_written_days", outlets=[WRITTEN_DAYS])
    def publish_days(day: str, *, outlet_events: Any = None) -> None:
        from pipeline.lake_status.store import open_ledger

        written = DAYS.parse(day)
        around = open_ledger(lake).rows(DAYS, written - DAY, written + 2 * DAY)
        outlet_events[WRITTEN_DAYS].add_partitions(sorted({day, *(key_text(row.day) for row in around)}))

    return publish_days(day)


def _publish_task(stage: Stage[Any, Any]) -> str:
    return f"publish_stale_{stage.name}s"


def _computed_from(source: Stage[Any, Any]) -> list[DerivedStage[Any, Any]]:
    return [stage for stage in LATER_STAGES if stage.source is source]


def documented(doc: str | None, source: Stage[Any, Any]) -> str:
    """Return the documentation of the DAG that writes `source`, with what to do if `publish_computed_from` fails."""
    return with_publish_tasks(doc, map(_publish_task, _computed_from(source)))
