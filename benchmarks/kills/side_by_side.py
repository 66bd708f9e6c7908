"""Two reconciles, an erasure and a maintenance of one lake at the same time: each must end, and end well, by itself.

In a round some of them may die on the way. The erasure wants to be alone, so it may end with something that it could
not make again, and it is run once more when no other job writes: then nothing that is stored may hold the user.
"""

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pyspark.sql import SparkSession

from benchmarks.kills.death import Life, Watch
from benchmarks.kills.jobs import erase, maintain, reconcile
from contracts.names import LakeLocation
from spark_jobs.errors import SparkJobError

#: If none of them calls the JVM for so long, each waits for another: the longest call takes seconds, or a minute where
#: ten programs share a core.
_STILL_SECONDS: Final = 600.0


@dataclass(kw_only=True)
class Run:
    """One of the jobs; `problems` are what it says that it left, `defect` is an error that no job may end with.

    `wants_to_be_alone` says that it may leave something beside others, and must then be run again.
    """

    life: Life
    job: Callable[[], Sequence[str]]
    wants_to_be_alone: bool = False
    problems: Sequence[str] = ()
    defect: str = ""

    def end(self, watch: Watch) -> None:
        """Run the job to its end, or to its death."""

        def work() -> None:
            self.problems = self.job()

        try:
            watch.live(self.life, work)
        except SparkJobError as error:
            self.problems = [str(error)]
        except Exception:  # noqa: BLE001 (a thread's errors are told by who waits for it)
            self.defect = traceback.format_exc()


def four_runs(spark: SparkSession, lake: LakeLocation, user: str, ends: Callable[[], dict[str, Any]]) -> list[Run]:
    """Return the runs; `ends` says of each when it is to die, if at all."""
    jobs: list[tuple[str, Callable[[], Sequence[str]]]] = [
        ("reconcile_hours", lambda: reconcile(spark, lake).errors),
        ("reconcile_hours", lambda: reconcile(spark, lake).errors),
        ("erase_user", lambda: erase(spark, lake, user, alone=False).made.problems),
        ("maintain_tables", lambda: maintain(spark, lake)),
    ]
    return [
        Run(life=Life(job=f"{name}, one of four", **ends()), job=job, wants_to_be_alone=name == "erase_user")
        for name, job in jobs
    ]


def end_all(watch: Watch, runs: Sequence[Run], meanwhile: Callable[[], None]) -> None:
    """Run all of them at the same time, each to its end; raise `RuntimeError` if one does not end, or not well.

    What one of them left half done that died, others may name as a problem: it is for the next run to mend.
    """
    threads = [threading.Thread(target=run.end, args=(watch,), name=run.life.job, daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    meanwhile()
    _await_end(threads, runs)
    died = any(run.life.dead for run in runs)
    for run in runs:
        if run.defect or (run.problems and not run.wants_to_be_alone and not died):
            raise RuntimeError(f"{run.life.job}, did not end well: {run.defect or '; '.join(run.problems)}")


def _await_end(threads: Sequence[threading.Thread], runs: Sequence[Run]) -> None:
    """Wait as long as one of the runs goes on; raise `RuntimeError` that names those that stand still."""
    calls, since = 0, time.monotonic()
    while alive := [number for number, thread in enumerate(threads) if thread.is_alive()]:
        threads[alive[0]].join(1.0)
        if calls != (now := sum(run.life.calls for run in runs)):
            calls, since = now, time.monotonic()
        elif time.monotonic() - since > _STILL_SECONDS:
            still = "; ".join(runs[number].life.phase for number in alive)
            raise RuntimeError(f"stood still for {_STILL_SECONDS:.0f} s: {still}")
