"""The disk gets full at random moments, then gets room again, after a SIGKILL or without one: accepted = landed.

`part` mounts the small disk on one folder of the state, so that only files of that kind find no room. The disk is a
file system of a few mebibytes in memory, and one file fills it up to a few bytes.
"""

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.cloud_attacks.pipeline import Clients, Writers, await_landed, differences, set_up
from local.cloud.process import LocalCloud

#: What is full: everything, or only the record logs, the checkpoints, the services' snapshots, the objects.
PARTS: Final = ("all", "kinesis", "firehose", "services", "s3")
_MEBIBYTES: Final = 24
_REFUSALS: Final = 15
_ROUND_SECONDS: Final = 8.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one attack found."""

    full: str
    kills: int
    accepted: int
    landed: int
    lost: int
    statuses: dict[str, int]
    differences: list[str]

    @property
    def passed(self) -> bool:
        return not (self.lost or self.differences) and self.accepted > 0


def attack(folder: Path, part: str, *, rounds: int, seed: int) -> Result:
    """Fill the disk in every round, kill the cloud in every other one, and count at the end."""
    dice = random.Random(seed)
    state = folder / "state"
    full = state if part == "all" else state / part
    kills = 0
    with small_disk(full, _MEBIBYTES), LocalCloud(state) as cloud:
        clients = Clients(cloud)
        set_up(clients)
        writers = Writers(clients, seed)
        for number in range(rounds):
            writers.start()
            _await(writers, refusals=0, seconds=dice.uniform(0.2, 2))
            fill(full, leave=dice.choice((0, 1, 4, 16, 64)) * 1024 + dice.randrange(4096))
            _await(writers, refusals=_REFUSALS, seconds=_ROUND_SECONDS)
            if number % 2 == 0:
                cloud.kill()
                kills += 1
            writers.stop()
            free(full)
            if number % 2 == 0:
                cloud.start()
        accepted = writers.accepted
        found = await_landed(clients, accepted.events)
        return Result(
            full=part,
            kills=kills,
            accepted=len(accepted.events),
            landed=len(found),
            lost=len(accepted.events - found),
            statuses=dict(sorted(accepted.statuses.items())),
            differences=differences(clients, accepted),
        )


def _await(writers: Writers, *, refusals: int, seconds: float) -> None:
    """Wait until so many more requests were refused, or for so long: some files may not be written in that time."""
    statuses = writers.accepted.statuses

    def refused() -> int:
        return sum(count for status, count in list(statuses.items()) if not status.endswith(" 200"))

    before, give_up = refused(), time.monotonic() + seconds
    while time.monotonic() < give_up and not (refusals and refused() - before >= refusals):
        time.sleep(0.02)


class NoMountError(Exception):
    """This process may not mount; the message says what would help."""


@contextlib.contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """Mount a small file system on the folder for the block; raise `NoMountError` where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", "") or str(error)
        raise NoMountError(f"no small file system: {reason.strip()}; run it as root or by 'unshare -Urm'") from error
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, *, leave: int) -> None:
    """Fill the disk, and leave about so many bytes."""
    filler = _filler(disk)
    state = os.statvfs(disk)
    size = max(state.f_bavail * state.f_frsize - leave, 0)
    with contextlib.suppress(OSError), filler.open("ab") as file:  # others write at the same time
        os.posix_fallocate(file.fileno(), file.tell(), max(size, 1))


def free(disk: Path) -> None:
    """Remove the file that fills the disk."""
    _filler(disk).unlink(missing_ok=True)


def _filler(disk: Path) -> Path:
    return disk / "filler"
