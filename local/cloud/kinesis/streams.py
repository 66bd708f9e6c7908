"""A stream (its state, a log and a write limit per shard), and all streams of this cloud, on disk and in memory."""

import bisect
import functools
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from local.cloud import emulator, files
from local.cloud.emulator import Scope
from local.cloud.errors import BrokenStateError
from local.cloud.json_protocol import AwsError, Payload
from local.cloud.kinesis.metrics import Metrics
from local.cloud.kinesis.record_log import RecordLog
from local.cloud.kinesis.shards import Shard, ShardMap, WriteLimit, sequence_head, shard_id
from local.cloud.settings import LocalCloudSettings

DEFAULT_RETENTION_HOURS = 24

_STATE_FILE = "stream.json"
_EXPIRY_INTERVAL = 60.0


@dataclass(frozen=True, kw_only=True)
class StreamState:
    """A stream without its records: one JSON document on disk. Times are epoch seconds.

    `busy_status` (CREATING or UPDATING) holds until `busy_until`; `incarnation` tells a stream from an earlier one of
    the same name; `resize_calls` are the UpdateShardCount calls of the last 24 hours.
    """

    scope: Scope
    name: str
    shards: ShardMap
    created: float
    incarnation: str = field(default_factory=lambda: uuid.uuid4().hex)
    busy_status: str = "CREATING"
    busy_until: float = 0.0
    retention_hours: int = DEFAULT_RETENTION_HOURS
    tags: dict[str, str] = field(default_factory=dict)
    key_id: str | None = None
    shard_level_metrics: tuple[str, ...] = ()
    resize_calls: tuple[float, ...] = ()

    @property
    def arn(self) -> str:
        return f"arn:aws:kinesis:{self.scope.region}:{self.scope.account}:stream/{self.name}"

    @property
    def title(self) -> str:
        """The stream as AWS's error messages name it."""
        return f"stream {self.name} under account {self.scope.account}"

    @property
    def status(self) -> str:
        return self.busy_status if time.time() < self.busy_until else "ACTIVE"

    def busy(self, status: str, seconds: float) -> "StreamState":
        return replace(self, busy_status=status, busy_until=time.time() + seconds)


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where a record of an open shard goes; `head` is the constant part of its sequence numbers."""

    shard: Shard
    identifier: str
    head: int
    log: RecordLog
    limit: WriteLimit


class Stream:
    """A stream; only this object writes into its folder."""

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
        """Create a stream, which is on the disk on return; after an error nothing of it is there."""

        def write(partial: Path) -> None:
            _create_logs(partial, state.shards.shards)
            files.write_state(partial / _STATE_FILE, state)

        files.create_folder(folder, write)
        try:
            return cls.open(folder, segment_bytes=segment_bytes)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @classmethod
    def open(cls, folder: Path, *, segment_bytes: int) -> "Stream":
        """Open a stream that an earlier process left."""
        stream = cls(folder, files.read_state(folder / _STATE_FILE, StreamState), segment_bytes=segment_bytes)
        try:
            for shard in stream.state.shards.shards:
                stream.log(shard)  # a damaged log ends the start, not the first read of it
        except (OSError, BrokenStateError):
            stream.close()
            raise
        return stream

    def update(self, change: Callable[[StreamState], StreamState]) -> None:
        """Change the state, on the disk before it counts; after an error it is as it was."""
        changed = change(self.state)
        known = {shard.index for shard in self.state.shards.shards}
        _create_logs(self.folder, (shard for shard in changed.shards.shards if shard.index not in known))
        files.write_state(self.folder / _STATE_FILE, changed)
        self.state = changed
        self._reroute()

    def route(self, hash_key: int) -> Route:
        """Return the route to the open shard that owns a hash key."""
        return self._routes[bisect.bisect_right(self._starts, hash_key) - 1]

    def log(self, shard: Shard) -> RecordLog:
        """Return a shard's records."""
        log = self._logs.get(shard.index)
        if log is None:
            log = RecordLog(self.folder / shard.identifier, segment_bytes=self._segment_bytes)
            self._logs[shard.index] = log
            if not shard.is_open:
                log.close()
        return log

    def shard(self, identifier: str) -> Shard:
        """Return a shard by its name; raise AwsError if the stream has no such shard."""
        for shard in self.state.shards.shards:
            if shard.identifier == identifier:
                return shard
        raise AwsError("ResourceNotFoundException", f"Shard {identifier} in {self.state.title} does not exist")

    def expire(self, now: float) -> None:
        """Drop what is out of retention, at most once a minute."""
        if now - self._expired < _EXPIRY_INTERVAL:
            return
        self._expired = now
        cutoff = now - self.state.retention_hours * 3600
        for shard in self.state.shards.shards:
            self.log(shard).expire(int(cutoff * 1000))
        kept = self.state.shards.without_closed_before(cutoff)
        if kept is not self.state.shards:
            self._drop_shards(kept)

    def delete(self) -> None:
        """Remove the stream and its records."""
        self.close()
        files.delete_folder(self.folder)

    def close(self) -> None:
        for log in self._logs.values():
            log.close()

    def _drop_shards(self, kept: ShardMap) -> None:
        dropped = {shard.index for shard in self.state.shards.shards} - {shard.index for shard in kept.shards}
        self.update(lambda state: replace(state, shards=kept))
        for index in dropped:
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
                identifier=shard.identifier,
                head=sequence_head(shard.created, shard.index),
                log=self.log(shard),
                limit=self._limits.setdefault(shard.index, WriteLimit()),
            )
            for shard in open_shards
        ]


def _create_logs(folder: Path, shards: Iterable[Shard]) -> None:
    """Create the logs of new shards before any state names them: then a log that is missing later was lost."""
    files.run_together(functools.partial(RecordLog.create, folder / shard.identifier) for shard in shards)


@dataclass(kw_only=True)
class Streams:
    """All streams of this cloud, under one folder."""

    folder: Path
    settings: LocalCloudSettings
    metrics: Metrics
    _streams: dict[tuple[Scope, str], Stream] = field(default_factory=dict)
    _unsynced: set[RecordLog] = field(default_factory=set)

    @classmethod
    def open(cls, settings: LocalCloudSettings, metrics: Metrics) -> "Streams":
        """Read what is on disk; raise BrokenStateError if a part of it is missing or damaged."""
        streams = cls(folder=settings.state_dir / "kinesis", settings=settings, metrics=metrics)
        for folder in files.whole_folders(streams.folder, "*/*/*"):
            stream = Stream.open(folder, segment_bytes=settings.segment_bytes)
            streams._streams[stream.state.scope, stream.state.name] = stream
        return streams

    def get(self, payload: Payload) -> Stream:
        """Return the stream that a request names, in the request's scope; raise AwsError if there is none."""
        scope = emulator.scope()
        name = payload.get("StreamName") or _name_in(payload.get("StreamARN") or payload.get("ResourceARN"), scope)
        stream = self._streams.get((scope, name))
        if stream is None:
            raise AwsError("ResourceNotFoundException", f"Stream {name} under account {scope.account} not found.")
        return stream

    def by_arn(self, arn: str) -> Stream | None:
        """Return a stream of any scope."""
        return next((stream for stream in self._streams.values() if stream.state.arn == arn), None)

    def in_scope(self, scope: Scope) -> Iterator[Stream]:
        """Yield the scope's streams, by name."""
        for key in sorted(self._streams, key=lambda key: key[1]):
            if key[0] == scope:
                yield self._streams[key]

    def add(self, state: StreamState) -> None:
        """Create a stream; it is on the disk on return."""
        if (state.scope, state.name) in self._streams:
            raise AwsError(
                "ResourceInUseException", f"Stream {state.name} under account {state.scope.account} already exists."
            )
        folder = self.folder / state.scope.account / state.scope.region / state.name
        stream = Stream.create(folder, state, segment_bytes=self.settings.segment_bytes)
        self._streams[state.scope, state.name] = stream

    def remove(self, stream: Stream) -> None:
        stream.delete()
        del self._streams[stream.state.scope, stream.state.name]

    def note_unsynced(self, log: RecordLog) -> None:
        """Remember a log that has records which a power cut could take."""
        self._unsynced.add(log)

    def take_unsynced(self) -> set[RecordLog]:
        """Return those logs and forget them; the caller syncs them."""
        taken, self._unsynced = self._unsynced, set()
        return taken

    def measure(
        self, stream: Stream, samples: Mapping[str, float], by_shard: Mapping[str, Mapping[str, float]]
    ) -> None:
        """Add a sample to each metric of the stream, and to those of its shards that enhanced monitoring is on for."""
        state = stream.state
        self.metrics.add(state.scope, state.name, None, samples)
        for shard, found in by_shard.items():
            enabled = {metric: found[metric] for metric in state.shard_level_metrics if metric in found}
            self.metrics.add(state.scope, state.name, shard, enabled)

    def open_shard_count(self, scope: Scope) -> int:
        return sum(len(stream.state.shards.open_shards()) for stream in self.in_scope(scope))

    def check_shard_limit(self, scope: Scope, more: int) -> None:
        """Raise AwsError if `more` open shards would exceed the account's quota."""
        current, limit = self.open_shard_count(scope), self.settings.shard_limit
        if current + more > limit:
            raise AwsError(
                "LimitExceededException",
                f"This request would exceed the shard limit for the account {scope.account} in {scope.region}. "
                f"Current shard count for the account: {current}. Limit: {limit}. "
                f"Number of additional shards that would have resulted from this request: {more}.",
            )


def _name_in(arn: str | None, scope: Scope) -> str:
    if not arn:
        raise AwsError("InvalidArgumentException", "One of StreamName or StreamARN must be provided.")
    return arn.removeprefix(f"arn:aws:kinesis:{scope.region}:{scope.account}:stream/")
