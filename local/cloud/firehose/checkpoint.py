"""How far a delivery stream has delivered, on disk: the place in each shard, and the object that is being written.

The planned object names its records before it is uploaded, and its key follows from them. So a process killed at any
moment uploads the very same object again, over itself, and no record is lost or delivered twice.
"""

import uuid
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from local.cloud import files


@dataclass(frozen=True, kw_only=True)
class Range:
    """Records `[start, end)` of a shard."""

    shard: int
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An object to be: its records in order and where it goes; `error_key` takes what cannot be delivered."""

    ranges: tuple[Range, ...]
    bucket: str
    key: str
    error_key: str
    gzip: bool


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Delivered up to `positions` (shard → next record) of the stream's `incarnation`."""

    incarnation: str
    positions: dict[int, int] = field(default_factory=dict)
    plan: Plan | None = None

    def planned(self, plan: Plan) -> "Checkpoint":
        return replace(self, plan=plan)

    def delivered(self) -> "Checkpoint":
        """After the planned object is in S3."""
        ranges = self.plan.ranges if self.plan else ()
        return replace(self, positions=self.positions | {one.shard: one.end for one in ranges}, plan=None)


def identity(arn: str, incarnation: str, ranges: tuple[Range, ...]) -> uuid.UUID:
    """The object's unique name: the same records give the same one."""
    return uuid.uuid5(uuid.NAMESPACE_URL, "|".join([arn, incarnation, *(f"{one}" for one in ranges)]))


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Durable on return."""
    files.write_json(path, asdict(checkpoint))


def load(path: Path) -> Checkpoint:
    """The checkpoint that `save` wrote; BrokenStateError when it is not there whole.

    Without it nothing says what is in S3 already: to begin at either end would deliver records twice or never.
    """
    return files.read_json(path, _parse)


def _parse(document: dict[str, Any]) -> Checkpoint:
    plan = document["plan"]
    return Checkpoint(
        incarnation=document["incarnation"],
        positions={int(shard): index for shard, index in document["positions"].items()},
        plan=Plan(**plan | {"ranges": tuple(Range(**one) for one in plan["ranges"])}) if plan else None,
    )
