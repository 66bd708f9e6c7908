"""A live stream: its state, a log and a write limit per shard, and the way from a hash key to a shard."""

import bisect
import functools
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from local.cloud import files
from local.cloud.errors import BrokenStateError
from local.cloud.json_protocol import AwsError
from local.cloud.kinesis import sequence
from local.cloud.kinesis import state as states
from local.cloud.kinesis.record_log import RecordLog
from local.cloud.kinesis.shards import Shard, ShardMap, shard_id
from local.cloud.kinesis.state import StreamState
from local.cloud.kinesis.throttle import WriteLimit

_STATE_FILE = "stream.json"
_NEW = ".new-"
_DELETED = ".deleted-"
_EXPIRY_INTERVAL = 60.0


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where a record of an open shard goes; `head` is the constant part of its sequence numbers."""

    shard: Shard
    identifier: str
    head: int
    log: RecordLog
    limit: WriteLimit


class Stream:
    """The only writer of its folder."""

    def __init__(self, folder: Path, state: StreamState, *, segment_bytes: int) -> None:
        self.folder = folder
        self.state = state
        self._segment_bytes = segment_bytes
        self._logs: dict[int, RecordLog] = {}
        self._limits: dict[int, WriteLimit] = {}
        self._expired = 0.0
        self._starts: list[int] = []
        self._routes: list[Route] = []
        self._reroute()

    @classmethod
    def create(cls, folder: Path, state: StreamState, *, segment_bytes: int) -> "Stream":
        """A new stream, durable on return; after an error nothing of it is there."""
        partial = folder.with_name(f"{_NEW}{state.incarnation}")
        try:
            _create_logs(partial, state.shards.shards)
            states.save(partial / _STATE_FILE, state)
            partial.rename(folder)  # at once: a folder without its state is never one that was interrupted
            files.sync_folders([folder.parent])
            return cls.open(folder, segment_bytes=segment_bytes)
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @classmethod
    def open(cls, folder: Path, *, segment_bytes: int) -> "Stream":
        """A stream that an earlier process left."""
        stream = cls(folder, states.load(folder / _STATE_FILE), segment_bytes=segment_bytes)
        try:
            for shard in stream.state.shards.shards:
                stream.log(shard)  # a damaged one ends the start, not the first read of it
        except (OSError, BrokenStateError):
            stream.close()
            raise
        return stream

    @staticmethod
    def is_leftover(folder: Path) -> bool:
        """Whether a kill interrupted its making or its deletion."""
        return folder.name.startswith((_NEW, _DELETED))

    def update(self, change: Callable[[StreamState], StreamState]) -> None:
        """Change the state, durably, before anyone acts on it; after an error it is as it was."""
        changed = change(self.state)
        known = {shard.index for shard in self.state.shards.shards}
        _create_logs(self.folder, (shard for shard in changed.shards.shards if shard.index not in known))
        states.save(self.folder / _STATE_FILE, changed)
        self.state = changed
        self._reroute()

    def route(self, hash_key: int) -> Route:
        """The open shard that owns a hash key."""
        return self._routes[bisect.bisect_right(self._starts, hash_key) - 1]

    def log(self, shard: Shard) -> RecordLog:
        """A shard's records."""
        log = self._logs.get(shard.index)
        if log is None:
            log = RecordLog(self.folder / shard_id(shard.index), segment_bytes=self._segment_bytes)
            self._logs[shard.index] = log
            if not shard.is_open:
                log.close()
        return log

    def shard(self, identifier: str) -> Shard:
        """A shard by its name; AwsError when the stream has none of it."""
        shard = self.state.shards.by_id(identifier)
        if shard is None:
            raise AwsError(
                "ResourceNotFoundException",
                f"Shard {identifier} in stream {self.state.name} under account {self.state.scope.account} "
                "does not exist",
            )
        return shard

    def sequence_number(self, shard: Shard, counter: int, at: int) -> str:
        return str(sequence.SequenceNumber(shard_created=shard.created, shard=shard.index, counter=counter, at=at))

    def expire(self, now: float) -> None:
        """Drop what is out of retention; looks at most once a minute."""
        if now - self._expired < _EXPIRY_INTERVAL:
            return
        self._expired = now
        cutoff = now - self.state.retention_hours * 3600
        for shard in self.state.shards.shards:
            self.log(shard).expire(int(cutoff * 1000))
        kept = self.state.shards.without_closed_before(cutoff)
        if kept is not self.state.shards:
            self._forget(kept)

    def delete(self) -> None:
        """Remove the stream and its records."""
        for log in self._logs.values():
            log.close()
        doomed = self.folder.with_name(f"{_DELETED}{self.state.incarnation}")
        self.folder.rename(doomed)  # at once, so that a kill in the middle leaves no half a stream
        files.sync_folders([doomed.parent])
        shutil.rmtree(doomed, ignore_errors=True)  # what is left goes at the next start

    def close(self) -> None:
        for log in self._logs.values():
            log.close()

    def _forget(self, kept: ShardMap) -> None:
        gone = {shard.index for shard in self.state.shards.shards} - {shard.index for shard in kept.shards}
        self.update(lambda state: replace(state, shards=kept))
        for index in gone:
            self._logs.pop(index).close()
            shutil.rmtree(self.folder / shard_id(index))

    def _reroute(self) -> None:
        open_shards = self.state.shards.open_shards()
        for index in self._logs.keys() - {shard.index for shard in open_shards}:
            self._logs[index].close()
        self._starts = [shard.start for shard in open_shards]
        self._routes = [
            Route(
                shard=shard,
                identifier=shard_id(shard.index),
                head=sequence.head(shard.created, shard.index),
                log=self.log(shard),
                limit=self._limits.setdefault(shard.index, WriteLimit()),
            )
            for shard in open_shards
        ]


def _create_logs(folder: Path, shards: Iterable[Shard]) -> None:
    """Empty logs of new shards, before any state names them: a log that is missing later was lost."""
    files.at_once(functools.partial(RecordLog.create, folder / shard_id(shard.index)) for shard in shards)
