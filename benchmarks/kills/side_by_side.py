"""Two reconciles, an erasure and a maintenance of one lake at the same time: each must end, and end well, by itself.

In a round some of them may die on the way. Then the erasure is run once more, as its own report advises, and from then
on nothing that is stored may hold the user.
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

#: Alone, the slowest of the four takes a twentieth of this on two busy cores.
_LONGEST_SECONDS: Final = 900.0


@dataclass(kw_only=True)
class Run:
    """One of the jobs; `problems` are what it says that it left, `defect` is an error that no job may end with."""

    life: Life
    job: Callable[[], Sequence[str]]
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
    return [Run(life=Life(job=f"{name}, one of four", **ends()), job=job) for name, job in jobs]


def end_all(watch: Watch, runs: Sequence[Run], meanwhile: Callable[[], None]) -> None:
    """Run all of them at the same time, each to its end; raise `RuntimeError` if one does not end, or not well.

    What one of them left half done that died, others may name as a problem: it is for the next run to mend.
    """
    threads = [threading.Thread(target=run.end, args=(watch,), name=run.life.job, daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    meanwhile()
    deadline = time.monotonic() + _LONGEST_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    still = [run.life.phase for run, thread in zip(runs, threads, strict=True) if thread.is_alive()]
    if still:
        raise RuntimeError(f"not ended after {_LONGEST_SECONDS:.0f} s: {'; '.join(still)}")
    died = any(run.life.dead for run in runs)
    for run in runs:
        if run.defect or (run.problems and not died):
            raise RuntimeError(f"{run.life.job}, did not end well: {run.defect or '; '.join(run.problems)}")
