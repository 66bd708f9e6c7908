"""A process and all that it started → their CPU seconds, and the most memory that they held (Linux)."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_SAMPLED_EVERY: Final = 0.25
_CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class PeakMemory:
    """The most bytes that were held at once, by all processes and by the largest JVM; shared pages count once."""

    all: int
    jvm: int


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, of its children that ended and of those that run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]
    except FileNotFoundError:
        return 0.0
    return sum(map(int, fields[11:15])) / _CLOCK_TICKS + sum(cpu_seconds(child) for child in children)


def _children(task: Path) -> list[int]:
    """Return the processes that a thread has started; a thread may end while its process is looked at."""
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def run_watched(command: Sequence[str]) -> PeakMemory:
    """Run a command to its end and watch its memory; raise `CalledProcessError` if it fails."""
    process = subprocess.Popen(command)
    peak = PeakMemory(all=0, jvm=0)
    try:
        while process.poll() is None:
            held = list(_held(psutil.Process(process.pid)))
            jvm = max((size for name, size in held if name == "java"), default=0)
            peak = PeakMemory(all=max(peak.all, sum(size for _, size in held)), jvm=max(peak.jvm, jvm))
            time.sleep(_SAMPLED_EVERY)
    finally:
        process.kill()  # only if something was raised here: else it has ended
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


def _held(process: psutil.Process) -> Iterator[tuple[str, int]]:
    """Yield the name and the proportional set size of a process and of each of its descendants."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            yield member.name(), member.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
