"""A process and all that it started → their CPU seconds, and the most memory that they held (Linux)."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

import psutil

T = TypeVar("T")

_SAMPLED_EVERY: Final = 0.25


@dataclass(frozen=True, kw_only=True)
class PeakMemory:
    """The most bytes that were held at once, by all processes and by the largest JVM; shared pages count once."""

    all: int
    jvm: int


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, of its children that ended and of those that run."""
    return sum(_of_family(pid, lambda member: sum(member.cpu_times()[:4])))


def run_watched(command: Sequence[str]) -> PeakMemory:
    """Run a command to its end and watch its memory; raise `CalledProcessError` if it fails."""
    process = subprocess.Popen(command)
    peak = PeakMemory(all=0, jvm=0)
    try:
        while process.poll() is None:
            held = list(_of_family(process.pid, _held))
            jvm = max((size for name, size in held if name == "java"), default=0)
            peak = PeakMemory(all=max(peak.all, sum(size for _, size in held)), jvm=max(peak.jvm, jvm))
            time.sleep(_SAMPLED_EVERY)
    finally:
        process.kill()  # only if something was raised here: else it has ended
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


def _held(process: psutil.Process) -> tuple[str, int]:
    """Return a process's name and its proportional set size."""
    return process.name(), process.memory_full_info().pss


def _of_family(pid: int, look: Callable[[psutil.Process], T]) -> Iterator[T]:
    """Yield what `look` returns of a process and its descendants; one that ends meanwhile is left out."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                yield look(member)
