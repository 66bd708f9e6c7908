"""A number of events → raw objects of that many made events, laid down once and kept for the next time.

Hours have the same traffic whatever the size, so a larger size is more hours: a longer backfill. One event in a hundred
is there twice, one in two hundred is hours or days late, a few are too late or from the future. None is malformed: the
peers have no place for a line that is no event.
"""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

_START: Final = datetime(2026, 11, 20, tzinfo=UTC)
_EVENTS_PER_HOUR: Final = 400_000
_DEFECTS: Final = ("--duplicates", "0.01", "--late", "0.005", "--too-late", "0.001", "--from-the-future", "0.001")


@dataclass(frozen=True, kw_only=True)
class MadeEvents:
    """Raw objects below `raw`: how many, and how large."""

    raw: Path
    objects: int
    compressed_bytes: int


def made_events(directory: Path, events: int, *, seed: int) -> MadeEvents:
    """Return the events of a size and a seed, made if they are not there yet."""
    folder = directory / f"{events}-{seed}"
    raw, done = folder / "raw", folder / "manifest.json"
    if not done.exists():
        hours = max(1, round(events / _EVENTS_PER_HOUR))
        end = _START + timedelta(hours=hours)
        command = [sys.executable, "-m", "simulator", "history", "--raw", str(raw), "--events", str(events)]
        command += ["--from", f"{_START:%Y-%m-%dT%H}", "--to", f"{end:%Y-%m-%dT%H}", "--shape", "steady", *_DEFECTS]
        # Written last, so a history that was cut short is made again: it writes the same objects.
        command += ["--seed", str(seed), "--quiet", "--manifest", str(done)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    sizes = [path.stat().st_size for path in raw.rglob("*.gz")]
    return MadeEvents(raw=raw, objects=len(sizes), compressed_bytes=sum(sizes))
