"""One delivery stream at work: read the shards in order, buffer by size and time, deliver, remember.

The buffer is a set of places in the shards, not of records: they stay on Kinesis's disk until the object is in S3.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from local.cloud import emulator
from local.cloud.firehose import checkpoint as checkpoints
from local.cloud.firehose import delivery
from local.cloud.firehose.checkpoint import Checkpoint, Range
from local.cloud.firehose.source import Source, SourceGoneError
from local.cloud.firehose.state import DeliveryStreamState
from local.cloud.kinesis.shards import Shard

PutObject = Callable[..., Awaitable[emulator.Response]]

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 2.0


class Pump:
    """Moves records of one source; only one `step` runs at a time."""

    def __init__(self, path: Path, source: Source, *, put_object: PutObject = emulator.put_object) -> None:
        self._path = path
        self._source = source
        self._put_object = put_object
        self._checkpoint = checkpoints.load(path)
        self._retry_at = 0.0
        self._problem = ""
        self._turn = 0
        self._reset()

    def _reset(self) -> None:
        """An empty buffer, at the checkpoint."""
        self._positions = dict(self._checkpoint.positions)
        self._bytes = 0
        self._oldest: int | None = None

    async def step(self, state: DeliveryStreamState) -> bool:
        """Deliver what was planned before a kill or a failed upload; else read, and deliver if it is time.

        True when something was delivered, so that there may be more to do at once.
        """
        if time.monotonic() < self._retry_at:
            return False
        try:
            self._adopt(self._source.incarnation())
            if self._checkpoint.plan is None:
                await asyncio.to_thread(self._fill, state.destination.buffer_bytes)
                if not self._is_due(state):
                    return False
                # A checkpoint must never count records that a power cut could still take.
                await asyncio.to_thread(self._source.sync, self._positions)
                self._plan(state)
            return await self._deliver(state)
        except (SourceGoneError, OSError) as error:
            # Without room for the checkpoint the same object is uploaded again, over itself.
            self._hold(f"delivery stream {state.name}: {error}")
            return False

    def meet_log(self) -> None:
        """At start: a log shorter than what the checkpoint counts, as after a power cut on a disk that lied.

        Numbers that were given away are not given away again: new records would count as delivered.
        """
        checkpoint = self._checkpoint
        try:
            if self._source.incarnation() != checkpoint.incarnation:
                return
            ends = self._source.ends()
            planned = {one.shard: one.end for one in (checkpoint.plan.ranges if checkpoint.plan else ())}
            for shard, used in (checkpoint.positions | planned).items():
                if shard in ends and ends[shard] < used:
                    self._source.skip_to(shard, used)
        except SourceGoneError:
            return
        lost = {shard: (ends[shard], used) for shard, used in planned.items() if ends.get(shard, used) < used}
        if lost:
            # Under its name a whole object may be in S3 already; what is left of the records gets a name of its own.
            _LOG.warning("%s: records %s of the planned object are gone; delivering the others", self._path, lost)
            self._save(replace(checkpoint, plan=None))

    def _fill(self, limit: int) -> None:
        """Read until nothing is left or the buffer is full."""
        shards = self._source.shards()
        ends = self._source.ends()  # after the shards: the end of a shard that is closed by then is final
        self._turn += 1  # another shard first each time, so that none waits behind a busy one
        first = self._turn % len(shards)
        for shard in shards[first:] + shards[:first]:
            if not self._parents_are_read(shard, ends):
                continue
            if not shard.is_open and self._is_read(shard.index, ends):
                continue
            while self._bytes < limit and (size := self._read(shard.index, limit - self._bytes)):
                self._bytes += size

    def _read(self, shard: int, max_bytes: int) -> int:
        records = self._source.read(shard, self._positions.get(shard, 0), max_bytes=max_bytes)
        if not records:
            return 0
        self._positions[shard] = records[-1].index + 1
        self._oldest = min(records[0].arrived, self._oldest or records[0].arrived)
        return sum(len(record.data) for record in records) or 1

    def _parents_are_read(self, shard: Shard, ends: dict[int, int]) -> bool:
        """Whether all records of a key that came before this shard are in the buffer or in S3."""
        return all(self._is_read(index, ends) for index in shard.parents)

    def _is_read(self, shard: int, ends: dict[int, int]) -> bool:
        """Whether nothing is left to read; true of a shard that is out of retention, too."""
        return self._positions.get(shard, 0) >= ends.get(shard, 0)

    def _is_due(self, state: DeliveryStreamState) -> bool:
        if self._oldest is None:
            return False
        full = self._bytes >= state.destination.buffer_bytes
        return full or time.time() - self._oldest / 1000 >= state.destination.buffer_seconds

    def _plan(self, state: DeliveryStreamState) -> None:
        delivered = self._checkpoint.positions
        ranges = tuple(
            Range(shard=shard, start=delivered.get(shard, 0), end=end)
            for shard, end in sorted(self._positions.items())
            if end > delivered.get(shard, 0)
        )
        oldest = self._oldest if self._oldest is not None else 0
        planned = delivery.plan(state, self._checkpoint.incarnation, ranges, oldest)
        self._save(self._checkpoint.planned(planned))

    async def _deliver(self, state: DeliveryStreamState) -> bool:
        planned = self._checkpoint.plan
        assert planned is not None
        for one in await asyncio.to_thread(delivery.build, planned, self._source):
            status, _, body = await self._put_object(state.scope, bucket=planned.bucket, key=one.key, body=one.body)
            if status >= 300:
                answer = body[:300].decode(errors="replace")
                self._hold(f"delivery stream {state.name}: s3://{planned.bucket}/{one.key}: {status} {answer}")
                return False
        self._save(self._checkpoint.delivered())
        self._reset()
        return True

    def _adopt(self, incarnation: str) -> None:
        """Start over when the stream was deleted and made again: the records that were planned are gone with it."""
        if incarnation != self._checkpoint.incarnation:
            self._save(Checkpoint(incarnation=incarnation))
            self._reset()

    def _hold(self, problem: str) -> None:
        """Try again later; say so once."""
        if problem != self._problem:
            _LOG.warning("%s; trying again every %.0f s", problem, _RETRY_SECONDS)
        self._problem = problem
        self._retry_at = time.monotonic() + _RETRY_SECONDS

    def _save(self, checkpoint: Checkpoint) -> None:
        checkpoints.save(self._path, checkpoint)
        self._checkpoint = checkpoint
