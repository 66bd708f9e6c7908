"""One contender in a process of its own: start, one small hour cold, then the same work warm a few times → figures.

    python -m benchmarks.pipeline.contender NAME DIRECTORY SMALL_RAW RAW ROUNDS

The first run is on other data than the measured ones: it warms the JVM's compiler and nothing else. Every run writes
its tables as `DIRECTORY/<run>/<table>/…`; the last run's stay there, to be compared.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from benchmarks.process_tree import cpu_seconds

#: Builds all tables from the raw objects below a directory, under a run's name.
MakeTables = Callable[[Path, str], None]

OURS: Final = "ours"
#: Modules of this package; each has `start(directory) -> MakeTables`.
CONTENDERS: Final = (OURS, "duckdb_script", "polars_script", "plain_pyspark")
#: Name of the run whose tables stay.
LAST_RUN: Final = "last"
FIGURES: Final = "figures.json"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Seconds since the process began until it could work and until the small hour's tables were there; warm runs."""

    session_start: float
    first_hour: float
    seconds: list[float]
    cpu_seconds: list[float]

    @property
    def median_seconds(self) -> float:
        return median(self.seconds)

    @property
    def median_cpu_seconds(self) -> float:
        return median(self.cpu_seconds)


def main() -> None:
    """Run, and write the figures to `DIRECTORY/figures.json`."""
    name, directory, small, raw, rounds = sys.argv[1], *map(Path, sys.argv[2:5]), int(sys.argv[5])
    began = psutil.Process().create_time()
    make_tables: MakeTables = import_module(f"benchmarks.pipeline.{name}").start(directory)
    session_start = time.time() - began
    make_tables(small, "first")
    first_hour = time.time() - began
    shutil.rmtree(directory / "first")
    measured = [_measured(make_tables, directory, raw, last=number == rounds - 1) for number in range(rounds)]
    figures = Figures(
        session_start=session_start,
        first_hour=first_hour,
        seconds=[seconds for seconds, _ in measured],
        cpu_seconds=[cpu for _, cpu in measured],
    )
    (directory / FIGURES).write_text(json.dumps(asdict(figures)))


def _measured(make_tables: MakeTables, directory: Path, raw: Path, *, last: bool) -> tuple[float, float]:
    """Return the seconds and the CPU seconds of one run."""
    run = LAST_RUN if last else "warm"
    started, cpu = time.perf_counter(), cpu_seconds(os.getpid())
    make_tables(raw, run)
    seconds, cpu = time.perf_counter() - started, cpu_seconds(os.getpid()) - cpu
    if not last:
        shutil.rmtree(directory / run)
    return seconds, cpu


if __name__ == "__main__":
    main()
