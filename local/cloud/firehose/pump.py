"""One delivery stream at work: it reads the shards in order, buffers by size and time, uploads, and keeps its place.

The buffer is a set of positions in the shards, not of records: records stay on Kinesis's disk until the object is in
S3, and are read from there in slices.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from local.cloud import emulator, files
from local.cloud.firehose.checkpoint import Checkpoint, Plan, Range
from local.cloud.firehose.destination import DeliveryStreamState
from local.cloud.kinesis import read
from local.cloud.kinesis.record_log import Record
from local.cloud.kinesis.service import KinesisService
from local.cloud.kinesis.shards import Shard, shard_id
from local.cloud.kinesis.streams import Stream

PutObject = Callable[..., Awaitable[emulator.Response]]

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 2.0
#: One read takes at most this, because it holds Kinesis's lock.
_MAX_RECORDS = 10_000
_MAX_BYTES = 2**20


class SourceGoneError(Exception):
    """The stream, or a shard with records still to be read, does not exist any more."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Reads one Kinesis stream beside its writers."""

    kinesis: KinesisService
    arn: str

    def incarnation(self) -> str:
        """Return which of the streams that had this name it is."""
        with self.kinesis.lock:
            return self._stream().state.incarnation

    def shards(self) -> tuple[Shard, ...]:
        """Return all shards that still exist; children come after their parents."""
        with self.kinesis.lock:
            return self._stream().state.shards.shards

    def ends(self) -> dict[int, int]:
        """Return the index after each shard's last record."""
        with self.kinesis.lock:
            stream = self._stream()
            return {shard.index: stream.log(shard).end for shard in stream.state.shards.shards}

    def sync(self, shards: Iterable[int]) -> None:
        """Wait until no power cut can take what the shards' logs hold."""
        with self.kinesis.lock:
            found = [self._shard(shard) for shard in shards]
            logs = [stream.log(shard) for stream, shard in found]
        files.run_together(log.sync for log in logs)

    def skip_to(self, shard_index: int, index: int) -> None:
        """Give no further record of the shard a number below `index`."""
        with self.kinesis.lock:
            stream, shard = self._shard(shard_index)
            log = stream.log(shard)
            _LOG.warning(
                "%s/%s ends at record %d, but %d were delivered: its file was cut; new records count on from %d",
                stream.folder,
                shard_id(shard_index),
                log.end,
                index,
                index,
            )
            log.skip_to(index)

    def read(self, shard_index: int, start: int, *, max_bytes: int = _MAX_BYTES) -> list[Record]:
        """Return the next records of a shard, at least one if there is one; count them in the stream's metrics."""
        with self.kinesis.lock:
            stream, shard = self._shard(shard_index)
            records = stream.log(shard).read(start, max_records=_MAX_RECORDS, max_bytes=min(max_bytes, _MAX_BYTES))
            read.measure_read(self.kinesis.streams, stream, shard, records)
            return records

    def read_again(self, ranges: Iterable[Range]) -> Iterator[Record]:
        """Yield records that were read before, from disk."""
        for wanted in ranges:
            start = wanted.start
            while start < wanted.end:
                with self.kinesis.lock:
                    stream, shard = self._shard(wanted.shard)
                    count = min(wanted.end - start, _MAX_RECORDS)
                    records = stream.log(shard).read(start, max_records=count, max_bytes=_MAX_BYTES)
                yield from (record for record in records if record.index < wanted.end)
                if not records:
                    break
                start = records[-1].index + 1

    def _stream(self) -> Stream:
        stream = self.kinesis.streams.by_arn(self.arn)
        if stream is None:
            raise SourceGoneError(f"{self.arn} does not exist")
        return stream

    def _shard(self, index: int) -> tuple[Stream, Shard]:
        stream = self._stream()
        shard = stream.state.shards.find(index)
        if shard is None:
            raise SourceGoneError(f"shard {index} of {self.arn} does not exist")
        return stream, shard


class Pump:
    """Moves the records of one source to S3; only one `step` runs at a time."""

    def __init__(self, path: Path, source: Source, *, put_object: PutObject = emulator.put_object) -> None:
        self._path = path
        self._source = source
        self._put_object = put_object
        self._checkpoint = files.read_state(path, Checkpoint)
        self._retry_at = 0.0
        self._problem = ""
        self._turn = 0
        self._reset()

    def _reset(self) -> None:
        """Empty the buffer, and continue at the checkpoint."""
        self._positions = dict(self._checkpoint.positions)
        self._bytes = 0
        self._oldest: int | None = None

    async def step(self, state: DeliveryStreamState) -> bool:
        """Deliver what was planned before a kill or a failed upload; else read, and deliver if an object is due.

        Return True if something was delivered: then there may be more to deliver at once.
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
                self._save(replace(self._checkpoint, plan=self._plan(state)))
            return await self._deliver(state)
        except (SourceGoneError, OSError) as error:
            # If the checkpoint could not be written, the same object is uploaded again, over itself.
            self._retry_later(f"delivery stream {state.name}: {error}")
            return False

    def skip_lost_records(self) -> None:
        """At start, repair a log that is shorter than the checkpoint counts, as after a power cut on a lying disk.

        The numbers of lost records are not used again: new records with these numbers would count as delivered.
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
            # S3 may hold the whole object under its name already; the records that are left get another name.
            _LOG.warning("%s: records %s of the planned object are gone; delivering the others", self._path, lost)
            self._save(replace(checkpoint, plan=None))

    def _fill(self, limit: int) -> None:
        """Read until nothing is left or the buffer is full."""
        shards = self._source.shards()
        ends = self._source.ends()  # read after the shards: the end of a shard that is closed by then is final
        self._turn += 1  # start with another shard each time, so that none waits behind a busy one
        first = self._turn % len(shards)
        for shard in shards[first:] + shards[:first]:
            # The records of a key in a parent shard come before those in its children.
            if not all(self._is_read(parent, ends) for parent in shard.parents):
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

    def _is_read(self, shard: int, ends: dict[int, int]) -> bool:
        """Return whether nothing is left to read; this holds for a shard that is out of retention, too."""
        return self._positions.get(shard, 0) >= ends.get(shard, 0)

    def _is_due(self, state: DeliveryStreamState) -> bool:
        if self._oldest is None:
            return False
        full = self._bytes >= state.destination.buffer_bytes
        return full or time.time() - self._oldest / 1000 >= state.destination.buffer_seconds

    def _plan(self, state: DeliveryStreamState) -> Plan:
        delivered = self._checkpoint.positions
        ranges = tuple(
            Range(shard=shard, start=delivered.get(shard, 0), end=end)
            for shard, end in sorted(self._positions.items())
            if end > delivered.get(shard, 0)
        )
        return Plan.of_records(state, self._checkpoint.incarnation, ranges, self._oldest or 0)

    async def _deliver(self, state: DeliveryStreamState) -> bool:
        plan = self._checkpoint.plan
        assert plan is not None
        objects = await asyncio.to_thread(plan.objects, self._source.read_again(plan.ranges))
        for key, content in objects.items():
            status, _, body = await self._put_object(state.scope, bucket=plan.bucket, key=key, body=content)
            if status >= 300:
                answer = body[:300].decode(errors="replace")
                self._retry_later(f"delivery stream {state.name}: s3://{plan.bucket}/{key}: {status} {answer}")
                return False
        self._save(self._checkpoint.delivered())
        self._reset()
        return True

    def _adopt(self, incarnation: str) -> None:
        """Start over if the stream was deleted and created again: the planned records are gone with the old one."""
        if incarnation != self._checkpoint.incarnation:
            self._save(Checkpoint(incarnation=incarnation))
            self._reset()

    def _retry_later(self, problem: str) -> None:
        """Wait before the next step; log the same problem once."""
        if problem != self._problem:
            _LOG.warning("%s; trying again every %.0f s", problem, _RETRY_SECONDS)
        self._problem = problem
        self._retry_at = time.monotonic() + _RETRY_SECONDS

    def _save(self, checkpoint: Checkpoint) -> None:
        files.write_state(self._path, checkpoint)
        self._checkpoint = checkpoint
