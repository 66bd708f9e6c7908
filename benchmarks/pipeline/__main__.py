"""The pipeline against DuckDB, Polars and plain PySpark, side by side: `python -m benchmarks.pipeline`.

Every contender is a process of its own, and no other contender runs beside it; the figures are medians of warm runs,
the ratio is by the clock. The tables are compared with ours before anything is printed.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

from benchmarks.pipeline.contender import CONTENDERS, FIGURES, LAST_RUN, OURS, Figures
from benchmarks.pipeline.report import Benchmark, Result, as_table, check_same_tables, written_below
from benchmarks.process_tree import PeakMemory, run_watched

_FIRST_HOUR: Final = 100_000
_START: Final = datetime(2026, 11, 20, tzinfo=UTC)
#: By default, hours have the same traffic at every size, so a larger size is more hours: a longer backfill.
_EVENTS_PER_HOUR: Final = 400_000
#: One event in a hundred is duplicated, one in two hundred is hours or days late, a few are too late or from the
#: future. None is malformed: the peers have no place for a line that is no event.
_DEFECTS: Final = ("--duplicates", "0.01", "--late", "0.005", "--too-late", "0.001", "--from-the-future", "0.001")
_PACKAGES: Final = ("pyspark", "duckdb", "polars", "pyarrow")


@dataclass(frozen=True, kw_only=True)
class SyntheticEvents:
    """Raw objects below `raw`: how many, and how large."""

    raw: Path
    objects: int
    compressed_bytes: int


def main() -> None:
    """Measure every contender at one size, and print the table."""
    options = _options()
    events: int = options.events
    data = options.work / "events"
    hours = options.hours or max(1, round(events / _EVENTS_PER_HOUR))
    large = synthetic_events(data, events, hours=hours, seed=1)
    small = synthetic_events(data, min(_FIRST_HOUR, events), hours=1, seed=2)
    names = [name for name in CONTENDERS if name in options.contenders]
    measured = {name: _measured(name, options.work / name, small, large, options.rounds) for name in names}
    benchmark = Benchmark(
        command=f"python -m benchmarks.pipeline {' '.join(sys.argv[1:])}".rstrip(),
        machine=_machine(),
        events=events,
        first_hour_events=min(_FIRST_HOUR, events),
        objects=large.objects,
        compressed_bytes=large.compressed_bytes,
        results=[_result(name, options.work, *measured[name]) for name in names],
    )
    print(as_table(benchmark))
    if options.json:
        options.json.write_text(json.dumps(asdict(benchmark), indent=1) + "\n")
    for name in () if options.keep else names:
        shutil.rmtree(options.work / name)


def synthetic_events(directory: Path, events: int, *, hours: int, seed: int) -> SyntheticEvents:
    """Return the events of a size and a seed, which are generated once and kept for the next time."""
    folder = directory / f"{events}-{hours}-{seed}"
    raw, done = folder / "raw", folder / "manifest.json"
    if not done.exists():
        end = _START + timedelta(hours=hours)
        command = [sys.executable, "-m", "simulator", "history", "--raw", str(raw), "--events", str(events)]
        command += ["--from", f"{_START:%Y-%m-%dT%H}", "--to", f"{end:%Y-%m-%dT%H}", "--shape", "steady", *_DEFECTS]
        # The manifest is written last, so an interrupted history is written again, with the same objects.
        command += ["--seed", str(seed), "--quiet", "--manifest", str(done)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    sizes = [path.stat().st_size for path in raw.rglob("*.gz")]
    return SyntheticEvents(raw=raw, objects=len(sizes), compressed_bytes=sum(sizes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--hours", type=int, help="landing hours of equal traffic (default: of 400,000 events each)")
    parser.add_argument("--rounds", type=int, default=3, help="warm runs of each contender (default 3)")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--work", type=Path, default=Path("var/bench"), help="events are kept there for the next time")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--keep", action="store_true", help="leave the tables of the last runs below --work")
    options = parser.parse_args()
    options.work = options.work.resolve()
    return options


def _measured(
    name: str, directory: Path, small: SyntheticEvents, large: SyntheticEvents, rounds: int
) -> tuple[Figures, PeakMemory]:
    """Run a contender in an empty directory."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    print(f"{name} …", file=sys.stderr, flush=True)
    arguments = [str(argument) for argument in (name, directory, small.raw, large.raw, rounds)]
    memory = run_watched([sys.executable, "-m", "benchmarks.pipeline.contender", *arguments])
    return Figures(**json.loads((directory / FIGURES).read_text())), memory


def _result(name: str, work: Path, figures: Figures, memory: PeakMemory) -> Result:
    ours, run = work / OURS / LAST_RUN, work / name / LAST_RUN
    same = check_same_tables(ours, run) if ours.exists() and run != ours else None
    return Result(contender=name, figures=figures, memory=memory, written=written_below(run), same_rows=same)


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}; {packages}"


if __name__ == "__main__":
    main()
