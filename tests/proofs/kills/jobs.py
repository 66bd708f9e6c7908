"""The runs that get killed: random parts of the jobs, fifty hours at once, and four operations side by side.

The jobs are forced, so that there is always work. In some rounds of the four operations (two reconciles, an erasure and
a maintenance) some runs are killed; the others must come to their end by themselves. The erasure needs the lake for
itself, so beside others it may leave something that it could not rebuild. It is run once more when no other job writes:
then nothing that is stored may hold the user.
"""

import random
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from contracts.rules import RAW_RETENTION_DAYS
from contracts.stages import TABLES
from spark_jobs.errors import SparkJobError
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.lake import Lake
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.operations.erasure.erase_users import Erasure, ErasureReport, erase_users
from spark_jobs.operations.erasure.user_matching import SoughtUsers
from spark_jobs.operations.maintain_tables import MaintenanceRules, expire_rejected, maintain_table
from spark_jobs.operations.reconcile_hours import Reconciliation, reconcile_hours
from spark_jobs.operations.stage_jobs import LATER_JOBS
from tests.proofs.kills.driver_kills import DriverKiller, DriverRun
from tests.proofs.kills.small_lake import END, HOURS, SETTLED

RULES: Final = LandingRules(settled_before=SETTLED, force=True)
#: If no run calls the JVM for so long, each waits for another. The longest call takes seconds, or a minute where ten
#: programs share a core.
_STANDSTILL_SECONDS: Final = 600.0

#: A job's name for the report, and the job.
Job = tuple[str, Callable[[], object]]


def random_job(lake: Lake, dice: random.Random) -> Job:
    """Return one of the jobs for some of the hours, days or weeks."""
    hours = sorted(dice.sample(HOURS, dice.choice([1, 3, 12, 50])))
    jobs: list[Job] = [
        ("transform_events", lambda: transform_landing_hours(lake, hours, RULES)),
        ("aggregate_hours", lambda: aggregate_hours(lake, hours, force=True)),
        ("reconcile_hours", lambda: reconcile(lake)),
    ]
    for stage, job in LATER_JOBS.items():
        jobs.append((f"aggregate_{stage.name}s", partial(job, lake, set(map(stage.at, hours[:3])), force=True)))
    return dice.choice(jobs)


def reconcile(lake: Lake) -> Reconciliation:
    """Rebuild every hour and day that is stale."""
    return reconcile_hours(lake, HOURS[0], END, SETTLED)


def erase(lake: Lake, user: str, *, alone: bool) -> ErasureReport:
    """Erase a user."""
    return erase_users(lake, Erasure(users=SoughtUsers(ids=(user,)), alone=alone))


def maintain(lake: Lake) -> list[str]:
    """Maintain every table, as its job does, at a time when all hours are settled; return what could not be done.

    The ages are those of the job, counted from now: snapshots and files of a run under way are younger.
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

    attempt(lambda: expire_rejected(lake, later - timedelta(days=RAW_RETENTION_DAYS)))
    for table in TABLES:
        attempt(partial(maintain_table, lake, table, rules))
    return errors


def each_hour(lake: Lake, hour: datetime) -> None:
    """Transform a landing hour and aggregate the event hour of the same name, as two runs beside all others."""
    transform_landing_hours(lake, [hour], RULES)
    aggregate_hours(lake, [hour], force=True)


def all_at_once(run_hour: Callable[[datetime], None], hours: Sequence[datetime] = HOURS) -> None:
    """Run a function for each hour in a thread of its own; a run that loses every race leaves it to a reconcile."""

    def run(hour: datetime) -> None:
        refused(lambda: run_hour(hour))

    with ThreadPoolExecutor(len(hours)) as threads:
        list(threads.map(run, hours))


def refused(job: Callable[[], object]) -> bool:
    """Run a job and return whether it refused: it may find input that a killed run has left between two commits."""
    try:
        job()
    except SparkJobError:
        return True
    return False


@dataclass(kw_only=True)
class Run:
    """One of the four operations; `problems` is what it reports as not done, `defect` an error that no job may raise.

    With `needs_lake_alone` it may report problems when it runs beside others, and must then be run again.
    """

    driver: DriverRun
    job: Callable[[], Sequence[str]]
    needs_lake_alone: bool = False
    problems: Sequence[str] = ()
    defect: str = ""

    def run_to_end(self, killer: DriverKiller) -> None:
        """Run the job to its end, or until it is killed."""

        def work() -> None:
            self.problems = self.job()

        try:
            killer.run(self.driver, work)
        except SparkJobError as error:
            self.problems = [str(error)]
        except Exception:  # noqa: BLE001 (the thread that waits for this one raises it)
            self.defect = traceback.format_exc()


def four_runs(lake: Lake, user: str, ends: Callable[[], dict[str, Any]]) -> list[Run]:
    """Return the runs; `ends` says for each when it is killed, if at all."""
    jobs: list[tuple[str, Callable[[], Sequence[str]]]] = [
        ("reconcile_hours", lambda: reconcile(lake).errors),
        ("reconcile_hours", lambda: reconcile(lake).errors),
        ("erase_user", lambda: erase(lake, user, alone=False).made.problems),
        ("maintain_tables", lambda: maintain(lake)),
    ]
    return [
        Run(driver=DriverRun(job=f"{name}, one of four", **ends()), job=job, needs_lake_alone=name == "erase_user")
        for name, job in jobs
    ]


def run_side_by_side(killer: DriverKiller, runs: Sequence[Run], meanwhile: Callable[[], None]) -> None:
    """Run all of them at the same time, each to its end; raise `RuntimeError` if one does not end, or ends badly.

    If one is killed, others may report what it left half done: the next run repairs that.
    """
    threads = [
        threading.Thread(target=run.run_to_end, args=(killer,), name=run.driver.job, daemon=True) for run in runs
    ]
    for thread in threads:
        thread.start()
    meanwhile()
    _await_end(threads, runs)
    any_killed = any(run.driver.killed for run in runs)
    for run in runs:
        if run.defect or (run.problems and not run.needs_lake_alone and not any_killed):
            raise RuntimeError(f"{run.driver.job}, did not end well: {run.defect or '; '.join(run.problems)}")


def _await_end(threads: Sequence[threading.Thread], runs: Sequence[Run]) -> None:
    """Wait while one of the runs goes on; raise `RuntimeError` with those that stand still."""
    calls, since = 0, time.monotonic()
    while alive := [number for number, thread in enumerate(threads) if thread.is_alive()]:
        threads[alive[0]].join(1.0)
        if calls != (now := sum(run.driver.calls for run in runs)):
            calls, since = now, time.monotonic()
        elif time.monotonic() - since > _STANDSTILL_SECONDS:
            still = "; ".join(runs[number].driver.phase for number in alive)
            raise RuntimeError(f"stood still for {_STANDSTILL_SECONDS:.0f} s: {still}")
