"""The 128-bit hash key space of a stream, divided into shards; sequence numbers and write limits. No files, no clock.

Open shards always cover the space exactly. A split or a merge closes shards and opens their children. Closed shards
stay in the map, because their records stay readable until retention ends. Each change returns a new, complete map.
"""

import itertools
from collections import deque
from dataclasses import dataclass, replace

HASH_KEYS = 2**128
#: The counters in the sequence numbers that stand for a shard's start and for its end.
BEFORE_FIRST = 0
AFTER_LAST = 2**63 - 1
RECORDS_PER_SECOND = 1_000
BYTES_PER_SECOND = 2**20

_VERSION = 2


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

    @property
    def identifier(self) -> str:
        """The shard's name on the wire."""
        return shard_id(self.index)

    def sequence_number(self, counter: int, at: float) -> str:
        """Return the sequence number of the record with this counter, which arrived at this second."""
        return str(SequenceNumber(shard_created=self.created, shard=self.index, counter=counter, at=int(at)))


def shard_id(index: int) -> str:
    """Return the name of a shard on the wire."""
    return f"shardId-{index:012d}"


@dataclass(frozen=True, kw_only=True)
class ShardMap:
    """All shards of a stream, open and closed, by index."""

    shards: tuple[Shard, ...]
    next_index: int

    @classmethod
    def uniform(cls, count: int, *, now: float) -> "ShardMap":
        """Return a new stream's map."""
        cuts = [HASH_KEYS * i // count for i in range(count + 1)]
        shards = tuple(Shard(index=i, start=cuts[i], end=cuts[i + 1] - 1, created=int(now)) for i in range(count))
        return cls(shards=shards, next_index=count)

    def open_shards(self) -> list[Shard]:
        """Return the open shards, by hash key."""
        return sorted((shard for shard in self.shards if shard.is_open), key=lambda shard: shard.start)

    def find(self, index: int) -> Shard | None:
        return next((shard for shard in self.shards if shard.index == index), None)

    def children(self, index: int) -> list[Shard]:
        return [shard for shard in self.shards if index in shard.parents]

    def split(self, shard: Shard, at: int, *, now: float) -> "ShardMap":
        """Close `shard` and open two children; the second one starts at the hash key `at`."""
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
        """Drop the shards whose last record is out of retention."""
        kept = tuple(shard for shard in self.shards if shard.closed_at is None or shard.closed_at >= cutoff)
        return self if len(kept) == len(self.shards) else replace(self, shards=kept)

    def _child(self, offset: int, *, start: int, end: int, parents: tuple[Shard, ...], now: float) -> Shard:
        # A child is later than its parents even within one second, so that its sequence numbers are larger.
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
        indexes = {shard.index for shard in closed}
        shards = tuple(replace(shard, closed_at=now) if shard.index in indexes else shard for shard in self.shards)
        return ShardMap(shards=shards + opened, next_index=self.next_index + len(opened))


@dataclass(frozen=True, kw_only=True)
class Reshard:
    """A new map, and the number of splits and merges that led to it."""

    shards: ShardMap
    operations: int


def scale_uniformly(shards: ShardMap, target: int, *, now: float) -> Reshard:
    """Scale to `target` open shards of equal size (± 1 hash key), as UpdateShardCount does.

    As on AWS, shards that straddle a new border are split there first. Then the shards between two borders are merged.
    So a target that is no multiple creates short-lived shards.
    """
    borders = [HASH_KEYS * i // target for i in range(1, target)]
    operations = 0
    for border in borders:
        owner = next(shard for shard in shards.open_shards() if shard.start <= border <= shard.end)
        if owner.start != border:
            shards = shards.split(owner, border, now=now)
            operations += 1
    kept = set(borders)
    while pair := next((two for two in itertools.pairwise(shards.open_shards()) if two[1].start not in kept), None):
        shards = shards.merge(*pair, now=now)
        operations += 1
    return Reshard(shards=shards, operations=operations)


@dataclass(frozen=True, kw_only=True)
class SequenceNumber:
    """The parts of a 56-digit sequence number. `counter` is the record's index + 1; times are epoch seconds.

    AWS's numbers have 186 bits: the shard's creation time, a counter, the second of arrival and the shard (kinesalite
    found this layout). Here the counter is dense, so a number leads straight to the record.
    """

    shard_created: int
    shard: int
    counter: int
    at: int

    def __str__(self) -> str:
        return str(
            sequence_head(self.shard_created, self.shard) | self.counter << 80 | sequence_tail(self.at, self.shard)
        )

    @classmethod
    def parse(cls, text: str) -> "SequenceNumber":
        """Return the number's parts; raise ValueError for a text that is no sequence number of ours."""
        number = int(text)
        if not text.isdigit() or number >> 184 != _VERSION or number & 0xF != _VERSION:
            raise ValueError(f"{text} is not a sequence number")
        return cls(
            shard_created=number >> 148 & (2**36 - 1),
            shard=number >> 4 & (2**32 - 1),
            counter=number >> 80 & (2**64 - 1),
            at=number >> 36 & (2**36 - 1),
        )


def sequence_head(shard_created: int, shard: int) -> int:
    """Return the bits above the counter; all records of a shard share them."""
    return _VERSION << 184 | shard_created << 148 | (shard & 0xF) << 144


def sequence_tail(at: int, shard: int) -> int:
    """Return the bits below the counter; the records of one shard in one second share them."""
    return at << 36 | shard << 4 | _VERSION


class WriteLimit:
    """A shard's write limit: at most 1,000 records and 1 MiB in any second; what was refused does not count.

    AWS does not document where its seconds begin. A rolling window is the strictest reading, so a client that works
    here works there.
    """

    def __init__(self) -> None:
        self._admitted: deque[tuple[float, int]] = deque()
        self._bytes = 0

    def admit(self, size: int, *, now: float) -> bool:
        """Return whether a record of `size` bytes (data and partition key) may be written; `now` never goes back."""
        while self._admitted and self._admitted[0][0] <= now - 1.0:
            self._bytes -= self._admitted.popleft()[1]
        if len(self._admitted) >= RECORDS_PER_SECOND or self._bytes + size > BYTES_PER_SECOND:
            return False
        self._admitted.append((now, size))
        self._bytes += size
        return True
