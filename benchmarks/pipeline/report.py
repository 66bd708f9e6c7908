"""Figures of the contenders → a table for people, and one JSON object for machines."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.pipeline.contender import OURS, Figures
from benchmarks.process_tree import PeakMemory

_MIB: Final = 1024 * 1024
_COLUMNS: Final = (
    "contender",
    "events/s",
    "ours is ×",
    "s",
    "CPU s",
    "CPU µs/event",
    "start s",
    "first hour s",
    "JVM MiB",
    "all MiB",
    "written MiB",
    "files",
    "same tables",
)


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a run left on disk, metadata included."""

    files: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """A contender's figures; `same_rows` is how many rows were compared with ours, if it was run and is another."""

    contender: str
    figures: Figures
    memory: PeakMemory
    written: Written
    same_rows: int | None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One size, measured: `first_hour_events` is the size of the small hour that each process began with."""

    command: str
    machine: str
    events: int
    first_hour_events: int
    objects: int
    compressed_bytes: int
    results: Sequence[Result]


def written_below(directory: Path) -> Written:
    """Return what lies below a directory."""
    sizes = [path.stat().st_size for path in directory.rglob("*") if path.is_file()]
    return Written(files=len(sizes), bytes=sum(sizes))


def as_table(benchmark: Benchmark) -> str:
    """Return the figures as a Markdown table under a line that says of what."""
    head = (
        f"{benchmark.events:,} events, {benchmark.objects} raw objects ({benchmark.compressed_bytes / _MIB:,.0f} MiB), "
        f"first hour of {benchmark.first_hour_events:,}; {benchmark.machine}\n`{benchmark.command}`\n"
    )
    ours = next((result for result in benchmark.results if result.contender == OURS), None)
    rows = [_cells(benchmark.events, result, ours) for result in benchmark.results]
    lines = [" | ".join(cells) for cells in (_COLUMNS, ["---"] * len(_COLUMNS), *rows)]
    return head + "\n" + "\n".join(f"| {line} |" for line in lines)


def _cells(events: int, result: Result, ours: Result | None) -> list[str]:
    figures = result.figures
    ratio = "" if ours is None else f"{figures.median_seconds / ours.figures.median_seconds:.2f}"
    return [
        result.contender,
        f"{events / figures.median_seconds:,.0f}",
        ratio,
        f"{figures.median_seconds:.1f}",
        f"{figures.median_cpu_seconds:.1f}",
        f"{figures.median_cpu_seconds / events * 1e6:.1f}",
        f"{figures.session_start:.1f}",
        f"{figures.first_hour:.1f}",
        f"{result.memory.jvm / _MIB:,.0f}",
        f"{result.memory.all / _MIB:,.0f}",
        f"{result.written.bytes / _MIB:,.0f}",
        f"{result.written.files:,}",
        "–" if result.same_rows is None else f"{result.same_rows:,} rows",
    ]


def as_json(benchmark: Benchmark) -> dict[str, Any]:
    """Return every figure, each single run's included."""
    return asdict(benchmark)
