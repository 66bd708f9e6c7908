"""A Kinesis stream as a delivery stream reads it: its shards, parents first, and slices of their records."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from local.cloud import files
from local.cloud.firehose.checkpoint import Range
from local.cloud.kinesis import read
from local.cloud.kinesis.record_log import Record
from local.cloud.kinesis.service import KinesisService
from local.cloud.kinesis.shards import Shard, shard_id
from local.cloud.kinesis.stream import Stream

_LOG = logging.getLogger(__name__)
_MAX_RECORDS = 10_000
_MAX_BYTES = 2**20  # what is read while the lock is held


class SourceGoneError(Exception):
    """The stream, or a shard with records still to be read, does not exist any more."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Read access to one stream, safe beside its writers."""

    kinesis: KinesisService
    arn: str

    def incarnation(self) -> str:
        """Which stream of this name it is."""
        with self.kinesis.lock:
            return self._stream().state.incarnation

    def shards(self) -> tuple[Shard, ...]:
        """All shards that are still there; children come after their parents."""
        with self.kinesis.lock:
            return self._stream().state.shards.shards

    def ends(self) -> dict[int, int]:
        """The index after each shard's last record."""
        with self.kinesis.lock:
            stream = self._stream()
            return {shard.index: stream.log(shard).end for shard in stream.state.shards.shards}

    def sync(self, shards: Iterable[int]) -> None:
        """On return no power cut can take what the shards' logs hold."""
        with self.kinesis.lock:
            found = [self._shard(shard) for shard in shards]
            logs = [stream.log(shard) for stream, shard in found]
        files.at_once(log.sync for log in logs)

    def skip_to(self, shard_index: int, index: int) -> None:
        """Never again give a record of the shard a number below `index`."""
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
        """The next records of a shard, at least one if there is one; measured like any consumer's read."""
        with self.kinesis.lock:
            stream, shard = self._shard(shard_index)
            log = stream.log(shard)
            records = log.read(start, max_records=_MAX_RECORDS, max_bytes=min(max_bytes, _MAX_BYTES))
            age = read.behind(log, records, records[-1].index + 1 if records else start)
            read.measure_read(self.kinesis.catalog, stream, shard, records, age=age)
            return records

    def again(self, wanted: Range) -> Iterator[Record]:
        """Records that were read before, from disk."""
        start = wanted.start
        while start < wanted.end:
            with self.kinesis.lock:
                stream, shard = self._shard(wanted.shard)
                count = min(wanted.end - start, _MAX_RECORDS)
                records = stream.log(shard).read(start, max_records=count, max_bytes=_MAX_BYTES)
            for record in records:
                if record.index < wanted.end:
                    yield record
            if not records:
                return
            start = records[-1].index + 1

    def _stream(self) -> Stream:
        stream = self.kinesis.catalog.by_arn(self.arn)
        if stream is None:
            raise SourceGoneError(f"{self.arn} does not exist")
        return stream

    def _shard(self, index: int) -> tuple[Stream, Shard]:
        stream = self._stream()
        shard = stream.state.shards.find(index)
        if shard is None:
            raise SourceGoneError(f"shard {index} of {self.arn} does not exist")
        return stream, shard
