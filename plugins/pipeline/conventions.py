"""What every DAG shares: tags, retries, form fields, the run's partition key, and the assets that connect the DAGs.

A DAG file then says only what is special about it. Airflow has one place for what a run works on, its partition key,
but its form hides the key under *Advanced Options*; so each DAG that works on one partition also has a form field for
it (`KeyField`), and reads the key from there alone, as a template.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from airflow.sdk import DAG, Asset, Param
from airflow.sdk.exceptions import AirflowFailException

from contracts.partitions import HOUR, PartitionKeyError
from contracts.stages import DAYS, EVENT_HOURS, LANDING_HOURS, LATER_STAGES, Stage

#: Before the first event; with `catchup=False` it only limits how far back a backfill can go.
START_DATE: Final = datetime(2020, 1, 1, tzinfo=UTC)

#: Airflow sorts its list by display name, as text; this is the order in which data passes through the DAGs.
ORDER_OF_THE_DATA: Final = (
    "transform_events",
    *(f"aggregate_{stage.unit}" for stage in (EVENT_HOURS, *LATER_STAGES)),
    "daily_report",
    "reconcile_hours",
    "decide_failed_check",
    "replay_rejected",
    "erase_user",
    "maintain_tables",
    "scale_event_stream",
)

#: Half a minute, one, two: a short fault of S3, Glue or SQLite is over by then.
RETRYING: Final[dict[str, Any]] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
}

#: The types of runs that a person asked for: by hand, by a backfill, or by the answer to a question (what a task
#: triggers is `operator_triggered` in Airflow).
REQUESTED: Final = ("manual", "backfill", "operator_triggered")

#: An argument of a Spark entry point, as a template; in a scheduled or asset-triggered run it is empty, so left out.
FORCE_UNLESS_SCHEDULED: Final = f"{{{{ '--force' if dag_run.run_type in {REQUESTED} else '' }}}}"

#: A run that waits for a person holds no worker and no slot of a pool; so many may, and one more waits for one of them.
WAITING_RUNS: Final = 100


class Tag(StrEnum):
    """What a DAG is about, for the filter in Airflow's list; a DAG may have no other tag."""

    EVENTS = "events"
    HOURLY = "hourly"
    DAILY = "daily"
    SAFETY_NET = "safety-net"
    OPERATIONS = "operations"
    PRIVACY = "privacy"
    SCALING = "scaling"


def pipeline_dag(
    dag_id: str,
    *,
    max_active_runs: int = 1,
    dagrun_timeout: timedelta = timedelta(hours=8),
    alarm_topic: str | None = None,
    **special: Any,
) -> DAG:
    """Return the DAG with what all of ours have in common; `special` are further arguments of `DAG`.

    Airflow lists it by its place in the order of the data and its id; the DAGs of all streams share one place. The
    SNS topic `alarm_topic`, if there is one, is told of each run that failed.
    """
    return DAG(
        dag_id,
        dag_display_name=f"{ORDER_OF_THE_DATA.index(dag_id.split('__')[0]) + 1:02} · {dag_id}",
        start_date=START_DATE,
        catchup=False,
        # One run at a time: if a key is emitted several times, the first run does the work, and the others skip it.
        max_active_runs=max_active_runs,
        dagrun_timeout=dagrun_timeout,
        default_args=RETRYING,
        on_failure_callback=[sends_failures_to(alarm_topic)] if alarm_topic else None,
        **special,
    )


def sends_failures_to(topic: str) -> Any:
    """Return the notifier of a topic: its subject has at most the hundred characters that SNS takes."""
    from airflow.providers.amazon.aws.notifications.sns import SnsNotifier  # it takes a second, at every parse

    run = "{{ dag_run.dag_id }} {{ dag_run.partition_key or dag_run.run_id }}"
    message = f"The run {run} of Airflow failed. Its DAG's documentation says what to do about each task that can fail."
    return SnsNotifier(target_arn=topic, subject=f"{{{{ ('{_FAILED}' ~ dag_run.dag_id)[:100] }}}}", message=message)


_FAILED: Final = "Clickstream, failed: "


def was_requested(run_type: str) -> bool:
    """Return whether a person or a backfill asked for the run, so that it does its work even if nothing changed."""
    return run_type in REQUESTED


# The assets. One asset per consumer: several assets into one partitioned DAG give duplicate rows (apache/airflow issue
# 71070). Airflow has no field for an asset's description; its list shows `extra`.


def _asset(name: str, group: str, description: str) -> Asset:
    return Asset(name=name, uri=f"x-clickstream://lake/{name}", group=group, extra={"description": description})


def _many(stage: Stage[Any, Any]) -> str:
    return f"{stage.title.capitalize()}s"


#: By stage: a partition is a key, e.g. `2026-11-22T10` or `2026-11-22`, whose tables are older than its events.
STALE: Final = {
    stage: _asset(f"stale_{stage.name}s", "to do", f"{_many(stage)} {why}; aggregate_{stage.unit} writes them again")
    for stage, why in (
        (EVENT_HOURS, "for which events came since their tables were written"),
        *((later, "that are over, with events that their tables lack") for later in LATER_STAGES),
    )
}
_DONE: Final = "that reconcile_hours wrote again; nothing to do, they are shown for people"
#: By stage: a partition is a key that `reconcile_hours` wrote. They inform people; no DAG consumes them.
RECONCILED: Final = {stage: _asset(f"reconciled_{stage.name}s", "done", f"{_many(stage)} {_DONE}") for stage in STALE}
#: A partition is a day that was written, by whichever run, and whose ledger and data checks hold.
WRITTEN_DAYS: Final = _asset("written_days", "to do", "Days whose tables were written anew; daily_report draws them")


def with_publish_tasks(doc: str | None, task_ids: Iterable[str]) -> str:
    """Return a DAG's documentation, which ends with what to do about failures, with those of tasks that publish."""
    names = ", ".join(f"`{task_id}`" for task_id in task_ids)
    return f"{(doc or '').rstrip()}\n* {names}: the catalog or S3 does not answer; clear it.\n" if names else doc or ""


# The fields of the form for a run by hand, and how they become arguments of a Spark job. A job's arguments are
# templates, and an argument that renders to nothing is left out; so an empty field gives no argument.


def hour_param(description: str) -> Param:
    """Return an optional field for an hour's key."""
    return Param(None, type=["null", "string"], pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}$", description=description)


def day_param(description: str) -> Param:
    """Return an optional field for a day, picked from a calendar."""
    return Param(None, type=["null", "string"], format="date", description=description)


def hours_param(description: str, *, at_least: int) -> Param:
    """Return an optional field for a number of hours with a lower limit."""
    return Param(None, type=["null", "integer"], minimum=at_least, description=description)


def choice_param(choices: Iterable[str], description: str) -> Param:
    """Return a field in which any of `choices` can be picked; none is picked at first."""
    names = [str(choice) for choice in choices]
    # Airflow checks `enum`; its form offers `examples`.
    return Param(
        [], type=["null", "array"], items={"type": "string", "enum": names}, examples=names, description=description
    )


def apply_param(description: str) -> Param:
    """Return the box without which a run asks a person, so that a form sent by mistake changes nothing."""
    return Param(False, type="boolean", title="apply", description=description)


def chosen_arguments(option: str, param: str, choices: Iterable[str]) -> list[str]:
    """Return a template of `--option=choice` for each of `choices`; it is empty unless the choice was picked."""
    return [f"{{{{ '{option}={choice}' if '{choice}' in (params['{param}'] or []) else '' }}}}" for choice in choices]


def optional_argument(option: str, param: str) -> str:
    """Return a template of `--option=` and the field's value; it is empty if the field is."""
    return f"{{{{ '{option}=' ~ params['{param}'] if params['{param}'] is not none else '' }}}}"


@dataclass(frozen=True, kw_only=True)
class KeyField:
    """A field of the form that holds the partition key of a run by hand.

    The stage's name is that of the field, and of the macro that templates call.
    """

    stage: Stage[Any, Any]

    @property
    def name(self) -> str:
        """Return the name of the field."""
        return self.stage.name

    @property
    def template(self) -> str:
        """Return the template of the key, for every task that needs it."""
        return f"{{{{ {self.expression} }}}}"

    @property
    def expression(self) -> str:
        """Return the same without braces, to be part of a larger template."""
        return f"{self.name}(partition_key, params)"

    @property
    def macros(self) -> dict[str, Callable[..., str]]:
        """Return the DAG's `user_defined_macros`, which render the template."""
        return {self.name: self.key_of_run}

    def params(self, description: str) -> dict[str, Param]:
        """Return the field; a scheduled run leaves it empty."""
        make_param = hour_param if self.stage.step == HOUR else day_param
        return {self.name: make_param(f"{description} E.g. {self.stage.example}. Runs by hand need it.")}

    def key_of_run(self, partition_key: str | None, params: Mapping[str, Any]) -> str:
        """Return the run's key; raise AirflowFailException, which ends the run at once, if there is none, or two."""
        from_form = params[self.name]
        if partition_key and from_form and partition_key != from_form:
            raise AirflowFailException(
                f"the field {self.name} says {from_form!r}, the partition key {partition_key!r}: trigger the DAG again "
                f"with {self.name} alone"
            )
        key = partition_key or from_form
        if not key:
            raise AirflowFailException(
                f"this run does not say which {self.stage.title} to work on: trigger the DAG again and fill "
                f"in the field {self.name}, e.g. {self.stage.example} (by the API: partition_key)"
            )
        try:
            self.stage.parse(key)
        except PartitionKeyError as error:
            raise AirflowFailException(f"{self.name}: {error}; trigger the DAG again with one") from error
        return str(key)


LANDING_HOUR: Final = KeyField(stage=LANDING_HOURS)
EVENT_HOUR: Final = KeyField(stage=EVENT_HOURS)
DAY: Final = KeyField(stage=DAYS)
