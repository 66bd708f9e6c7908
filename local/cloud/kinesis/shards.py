"""The 128-bit hash key space of a stream, cut into shards; each change makes a new, complete map.

Open shards always cover the space exactly. A split or a merge closes shards and opens their children; closed ones
stay in the map, because their records stay readable until retention ends.
"""

from dataclasses import dataclass, replace

HASH_KEYS = 2**128


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A range of hash keys, both ends included. `created` and `closed_at` are epoch seconds."""

    index: int
    start: int
    end: int
    created: int
    parent: int | None = None
    adjacent_parent: int | None = None
    closed_at: float | None = None

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def parents(self) -> tuple[int, ...]:
        return tuple(index for index in (self.parent, self.adjacent_parent) if index is not None)


def shard_id(index: int) -> str:
    """The shard's name on the wire."""
    return f"shardId-{index:012d}"


@dataclass(frozen=True, kw_only=True)
class ShardMap:
    """All shards of a stream, open and closed, by index."""

    shards: tuple[Shard, ...]
    next_index: int

    @classmethod
    def uniform(cls, count: int, *, now: float) -> "ShardMap":
        """A new stream's map."""
        cuts = [HASH_KEYS * i // count for i in range(count + 1)]
        shards = tuple(Shard(index=i, start=cuts[i], end=cuts[i + 1] - 1, created=int(now)) for i in range(count))
        return cls(shards=shards, next_index=count)

    def open_shards(self) -> list[Shard]:
        """The open shards, by hash key."""
        return sorted((shard for shard in self.shards if shard.is_open), key=lambda shard: shard.start)

    def find(self, index: int) -> Shard | None:
        return next((shard for shard in self.shards if shard.index == index), None)

    def by_id(self, identifier: str) -> Shard | None:
        return next((shard for shard in self.shards if shard_id(shard.index) == identifier), None)

    def children(self, index: int) -> list[Shard]:
        return [shard for shard in self.shards if index in shard.parents]

    def split(self, shard: Shard, at: int, *, now: float) -> "ShardMap":
        """Close `shard`; `at` starts the second of its two children."""
        if not shard.is_open or not shard.start < at <= shard.end:
            raise ValueError(f"{shard} cannot be split at {at}")
        lower = self._child(0, start=shard.start, end=at - 1, parents=(shard,), now=now)
        upper = self._child(1, start=at, end=shard.end, parents=(shard,), now=now)
        return self._replaced(closed=(shard,), opened=(lower, upper), now=now)

    def merge(self, shard: Shard, adjacent: Shard, *, now: float) -> "ShardMap":
        """Close two neighbours and open one shard over both."""
        low, high = sorted((shard, adjacent), key=lambda one: one.start)
        if not (low.is_open and high.is_open) or low.end + 1 != high.start:
            raise ValueError(f"{shard} and {adjacent} are not open neighbours")
        child = self._child(0, start=low.start, end=high.end, parents=(shard, adjacent), now=now)
        return self._replaced(closed=(low, high), opened=(child,), now=now)

    def without_closed_before(self, cutoff: float) -> "ShardMap":
        """Forget the shards whose last record is out of retention."""
        kept = tuple(shard for shard in self.shards if shard.closed_at is None or shard.closed_at >= cutoff)
        return self if len(kept) == len(self.shards) else replace(self, shards=kept)

    def _child(self, offset: int, *, start: int, end: int, parents: tuple[Shard, ...], now: float) -> Shard:
        # Later than its parents even within one second, so that its sequence numbers are larger than theirs.
        created = max(int(now), *(parent.created + 1 for parent in parents), 0)
        return Shard(
            index=self.next_index + offset,
            start=start,
            end=end,
            created=created,
            parent=parents[0].index,
            adjacent_parent=parents[1].index if len(parents) > 1 else None,
        )

    def _replaced(self, *, closed: tuple[Shard, ...], opened: tuple[Shard, ...], now: float) -> "ShardMap":
        gone = {shard.index for shard in closed}
        shards = tuple(replace(shard, closed_at=now) if shard.index in gone else shard for shard in self.shards)
        return ShardMap(shards=shards + opened, next_index=self.next_index + len(opened))
