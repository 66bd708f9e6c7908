"""`losing_rows.py FOLDER JOBS LOSSES`: `jobs_in_turn`, losing all executors in the middle of an exchange, once a job.

In the jobs of CUT each hour and day is cut into parts, whose rows go through several steps. The first task that the
last of these steps sends rows to kills the executors that hold them, then its own: that task has to run again, and what
it was sent is nowhere any more. In the folder LOSSES each task of the steps before leaves a file when it has ended, and
each kill one. Like `jobs_in_turn`, which lies beside it, it has nothing but the package.
"""

import contextlib
import importlib
import os
import signal
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

#: Those that cut what is large, by the module that cuts it.
CUT: Final = {"run_aggregate_hours": "hourly.cut_hours", "run_aggregate_days": "daily.cut_days"}
_EVENTS_OF_A_TASK: Final = 40

Results = Callable[[Any], Iterable[Any]]


def losing_rows(losses: Path) -> Callable[[str], contextlib.AbstractContextManager[None]]:
    """Return what is to be around each job, by its name."""

    @contextlib.contextmanager
    def around(job: str) -> Iterator[None]:
        if job not in CUT:
            yield
            return
        from spark_jobs.lake.exchange import run_steps  # of the package

        runs = count()

        def run_losing(spark: Any, tasks: int, results: Results, steps: Sequence[Any]) -> Any:
            *earlier, last = steps
            if not earlier:  # a day's survey, which sends a few rows
                return run_steps(spark, tasks, results, steps)
            run = str(losses / f"{job}-{next(runs)}")
            noted = [replace(step, results=noting(step.results, f"{run}-{n}")) for n, step in enumerate(earlier, 1)]
            killing = replace(last, results=losing(last.results, str(losses / f"{job}-killed"), noted_by=run))
            return run_steps(spark, tasks, noting(results, f"{run}-0"), [*noted, killing])

        module = f"spark_jobs.{CUT[job]}"
        with patch(f"{module}.run_steps", run_losing), patch(f"{module}.EVENTS_OF_A_TASK", _EVENTS_OF_A_TASK):
            yield

    return around


def noting(results: Results, step: str) -> Results:
    """Return results of a step whose tasks leave files: `STEP-TASK-EXECUTOR-TRY`, the executor by its process."""

    def noted(given: Any) -> Iterator[Any]:
        from pyspark import TaskContext

        yield from results(given)
        context = TaskContext.get()
        assert context is not None
        Path(f"{step}-{context.partitionId()}-{executor()}-{uuid.uuid4().hex}").touch()

    return noted


def losing(results: Results, killed: str, *, noted_by: str) -> Results:
    """Return results of which the first task kills all executors of the tasks before it, and its own."""

    def lost(given: Any) -> Iterator[Any]:
        try:
            Path(killed).touch(exist_ok=False)
        except FileExistsError:
            yield from results(given)
            return
        run = Path(noted_by)
        holding = {int(file.name.split("-")[-2]) for file in run.parent.glob(f"{run.name}-*")}
        for process in (*sorted(holding - {executor()}), executor()):
            os.kill(process, signal.SIGKILL)
        signal.pause()  # until Python's daemon ends, which lost its executor

    return lost


def executor() -> int:
    """Return the process of this task's executor: the JVM, whose child is the daemon that forked this one."""
    status = Path(f"/proc/{os.getppid()}/stat").read_text()
    return int(status.rpartition(")")[2].split()[1])


def ended_again(losses: Path, job: str) -> int:
    """Return how many tasks of a job ended more than once."""
    ended = Counter(file.name.rsplit("-", 2)[0] for file in losses.glob(f"{job}-[0-9]*"))
    return sum(times > 1 for times in ended.values())


if __name__ == "__main__":
    folder, jobs, losses = sys.argv[1:]
    importlib.import_module("jobs_in_turn").main(folder, jobs, around=losing_rows(Path(losses)))
