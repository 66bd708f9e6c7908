"""Does the demo succeed at every second of a minute, and on a busy machine? `python -m benchmarks.demo_starts`.

Starts `python -m local.demo --check` again and again, at the seconds 0, 5, … 55 of a minute (whichever comes
next), then under four busy loops and under `nice`, and prints how each ended and how long it took. Exit status 0 only
if all are green.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[1]
_BUSY_LOOPS: Final = 4
_LOG_TAIL: Final = 40
_DEMO: Final = (sys.executable, "-m", "local.demo", "--check")


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start of the demo: at which second of a minute (None: at once), and under what load."""

    name: str
    second: int | None = None
    busy_loops: int = 0
    nice: bool = False


def starts(seconds: Sequence[int], *, loaded: bool) -> list[Start]:
    """Return the starts at each second of a minute, and those under load."""
    found = [Start(name=f"at second {second:>2}", second=second) for second in seconds]
    if loaded:
        found += [Start(name=f"{_BUSY_LOOPS} busy loops", busy_loops=_BUSY_LOOPS), Start(name="nice", nice=True)]
    return found


def run(start: Start, options: Sequence[str]) -> tuple[int, float]:
    """Start the demo once, wait for its end and print how it was; return its exit status and the seconds it took."""
    with TemporaryDirectory() as temporary, _busy(start.busy_loops):
        folder = Path(temporary) / "demo"
        if start.second is not None:
            time.sleep(_seconds_until(start.second))
        began = time.monotonic()
        command = [*(("nice", "-n", "19") if start.nice else ()), *_DEMO, "--folder", str(folder), *options]
        done = subprocess.run(
            command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        seconds = time.monotonic() - began
        summary = folder / "summary.json"
        shard_counts = json.loads(summary.read_text())["shard_counts"] if summary.exists() else ""
    verdict = f"RED, status {done.returncode}" if done.returncode else "green"
    print(f"{start.name:<22} {seconds:6.0f} s  {verdict:<14} {shard_counts}", flush=True)
    if done.returncode:
        print("\n".join(done.stdout.splitlines()[-_LOG_TAIL:]), file=sys.stderr, flush=True)
    return done.returncode, seconds


def _seconds_until(second: int | None) -> float:
    """Return how long it is until the clock shows the second; those at no second come last, in their order."""
    return math.inf if second is None else (second - time.time()) % 60


@contextmanager
def _busy(loops: int) -> Iterator[None]:
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for loop in running:
            loop.kill()
            loop.wait()


def main() -> int:
    """Run all starts and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds", type=int, nargs="*", default=list(range(0, 60, 5)), help="seconds of a minute to start at"
    )
    parser.add_argument("--no-load", action="store_true", help="leave out the starts under load")
    parser.add_argument("--no-spike", action="store_true", help="run the demo without its spike: half the time")
    given = parser.parse_args()
    waiting = starts(given.seconds, loaded=not given.no_load)
    total, red, quiet = len(waiting), 0, []
    while waiting:
        start = min(waiting, key=lambda one: _seconds_until(one.second))
        waiting.remove(start)
        status, seconds = run(start, ["--no-spike"] if given.no_spike else [])
        red += bool(status)
        if start.second is not None:
            quiet.append(seconds)
    if quiet:
        print(f"median {statistics.median(quiet):.0f} s, longest {max(quiet):.0f} s, without load")
    print(f"{total - red} of {total} green; load average at the end {os.getloadavg()[0]:.1f}")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
