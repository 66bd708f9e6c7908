"""Tags, retries, pools and timeouts that the DAGs share, so that a DAG file says only what is special about it."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

#: Spark tasks take a slot here: how many sessions one machine (or one EMR application) carries at a time.
SPARK_POOL: Final = "spark"

#: Longer than any hour's job; a job that hangs gives its slot back.
SPARK_TIMEOUT: Final = timedelta(hours=2)

#: Before the first event; with `catchup=False` only the backfill's lower bound.
START_DATE: Final = datetime(2020, 1, 1, tzinfo=UTC)


#: The DAGs as data goes through them: what lands, what is written from it, what mends that, what a person does; last
#: the stream. Airflow sorts its list by display name.
ORDER_OF_THE_DATA: Final = (
    "transform_events",
    "aggregate_hour",
    "aggregate_day",
    "reconcile_hours",
    "replay_rejected",
    "erase_user",
    "maintain_tables",
    "scale_event_stream",
)


def display_name(dag_id: str) -> str:
    """Return the name by which Airflow lists a DAG: its place and its id; the DAGs of all streams have one place."""
    return f"{ORDER_OF_THE_DATA.index(dag_id.split('__')[0]) + 1} · {dag_id}"


class Tag(StrEnum):
    """What a DAG is about, for the filter in Airflow's list; nothing else may be a tag."""

    EVENTS = "events"
    HOURLY = "hourly"
    DAILY = "daily"
    SAFETY_NET = "safety-net"
    OPERATIONS = "operations"
    PRIVACY = "privacy"
    SCALING = "scaling"


#: `default_args` of each DAG. Half a minute, one, two: a passing fault of S3, Glue or SQLite is over by then.
RETRYING: Final[dict[str, Any]] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
}

#: The kinds of run that a person or a backfill started; the others skip what has not changed.
ASKED_FOR: Final = ("manual", "backfill")

#: An argument of a Spark entry point, as a template: empty, and so left out, in a scheduled or asset-triggered run.
FORCE_UNLESS_SCHEDULED: Final = "{{ '--force' if dag_run.run_type in ('manual', 'backfill') else '' }}"


def was_asked_for(run_type: str) -> bool:
    """Whether somebody asked for a run, so that it does its work even if nothing changed."""
    return run_type in ASKED_FOR
