"""Random parts of the three jobs, forced so that there is always work, and the operations: what gets killed."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

from pyspark.sql import SparkSession

from benchmarks.kills.small_lake import END, HOURS, SETTLED
from contracts.names import LakeLocation
from contracts.partitions import day_of
from contracts.privacy import RAW_RETENTION_DAYS
from contracts.tables import TABLES
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.errors import SparkJobError
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.operations.erasure.erase_users import Erasure, ErasureReport, erase_users
from spark_jobs.operations.erasure.sought_users import SoughtUsers
from spark_jobs.operations.expire_rejected import expire_rejected
from spark_jobs.operations.maintain_tables import MaintenanceRules, maintain_table
from spark_jobs.operations.reconcile_hours import Reconciliation, reconcile_hours

RULES = LandingRules(settled_before=SETTLED, force=True)

#: A job's name for the report, and the job.
Job = tuple[str, Callable[[], object]]


def random_job(spark: SparkSession, lake: LakeLocation, dice: random.Random) -> Job:
    """Return one of the jobs for some of the hours or days."""
    hours = sorted(dice.sample(HOURS, dice.choice([1, 3, 12, 50])))
    days = sorted({day_of(hour) for hour in hours[:3]})
    jobs: list[Job] = [
        ("transform_events", lambda: transform_landing_hours(spark, lake, hours, RULES)),
        ("aggregate_hours", lambda: aggregate_hours(spark, lake, hours, force=True)),
        ("aggregate_days", lambda: aggregate_days(spark, lake, days, force=True)),
        ("reconcile_hours", lambda: reconcile(spark, lake)),
    ]
    return dice.choice(jobs)


def reconcile(spark: SparkSession, lake: LakeLocation) -> Reconciliation:
    """Make all that is stale."""
    return reconcile_hours(spark, lake, HOURS[0], END, SETTLED)


def erase(spark: SparkSession, lake: LakeLocation, user: str, *, alone: bool) -> ErasureReport:
    """Erase a user."""
    return erase_users(spark, lake, Erasure(users=SoughtUsers(ids=(user,)), alone=alone))


def maintain(spark: SparkSession, lake: LakeLocation) -> list[str]:
    """Maintain every table, as its job does, at a time when no hour is busy any more; return what could not be done.

    The ages are those of the job, counted from now: snapshots and files of a run at work are younger.
    """
    present = datetime.now(UTC)
    later = max(SETTLED, present)
    rules = MaintenanceRules(
        now=later,
        snapshot_age=later - present + MaintenanceRules.snapshot_age,
        orphan_age=later - present + MaintenanceRules.orphan_age,
    )
    errors = []

    def attempt(step: Callable[[], object]) -> None:
        try:
            step()
        except SparkJobError as error:
            errors.append(str(error))

    attempt(lambda: expire_rejected(spark, lake, later - timedelta(days=RAW_RETENTION_DAYS)))
    for table in TABLES:
        attempt(partial(maintain_table, spark, lake, table, rules))
    return errors


def each_hour(spark: SparkSession, lake: LakeLocation, hour: datetime) -> None:
    """Transform a landing hour and aggregate the event hour of the same name, as two runs beside all the others."""
    transform_landing_hours(spark, lake, [hour], RULES)
    aggregate_hours(spark, lake, [hour], force=True)


def all_at_once(of_hour: Callable[[datetime], None], hours: Sequence[datetime] = HOURS) -> None:
    """Run a function for each hour in a thread of its own; a run that lost every race is left to be reconciled."""

    def run(hour: datetime) -> None:
        refused(lambda: of_hour(hour))

    with ThreadPoolExecutor(len(hours)) as threads:
        list(threads.map(run, hours))


def refused(job: Callable[[], object]) -> bool:
    """Run a job and tell whether it refused: an input that a killed run left between two commits is no failure here."""
    try:
        job()
    except SparkJobError:
        return True
    return False
