"""The disk gets full at random moments, then room comes back or a SIGKILL comes first: accepted = landed.

`part` mounts the small disk on one folder of the state, so that files of that kind alone find no room.
"""

import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.cloud_attacks.pipeline import Clients, Writers, await_landed, differences, set_up
from benchmarks.cloud_attacks.small_disk import fill, free, small_disk
from local.cloud.process import LocalCloud

#: What is full: everything, or the record logs, the checkpoints, the services' snapshots, the objects alone.
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
    """Wait until that many more requests were refused, or for so long: files of one kind may need none."""
    statuses = writers.accepted.statuses

    def refused() -> int:
        return sum(count for status, count in list(statuses.items()) if not status.endswith(" 200"))

    before, give_up = refused(), time.monotonic() + seconds
    while time.monotonic() < give_up and not (refusals and refused() - before >= refusals):
        time.sleep(0.02)
