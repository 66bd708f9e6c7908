"""All streams of this cloud: found by name or ARN, made, removed, and read back from disk at start."""

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from local.cloud import emulator
from local.cloud.emulator import Scope
from local.cloud.json_protocol import AwsError, Payload
from local.cloud.kinesis.metrics import Metrics
from local.cloud.kinesis.record_log import RecordLog
from local.cloud.kinesis.state import StreamState
from local.cloud.kinesis.stream import Stream
from local.cloud.settings import LocalCloudSettings


@dataclass(kw_only=True)
class Catalog:
    """The streams under one folder."""

    folder: Path
    settings: LocalCloudSettings
    metrics: Metrics
    _streams: dict[tuple[Scope, str], Stream] = field(default_factory=dict)
    _unsynced: set[RecordLog] = field(default_factory=set)

    @classmethod
    def open(cls, settings: LocalCloudSettings, metrics: Metrics) -> "Catalog":
        """Read back what is on disk; BrokenStateError when a part of it is missing or damaged."""
        catalog = cls(folder=settings.state_dir / "kinesis", settings=settings, metrics=metrics)
        for folder in sorted(catalog.folder.glob("*/*/*")):
            if Stream.is_leftover(folder):
                shutil.rmtree(folder)
            else:
                stream = Stream.open(folder, segment_bytes=settings.segment_bytes)
                catalog._streams[stream.state.scope, stream.state.name] = stream
        return catalog

    def get(self, payload: Payload) -> Stream:
        """The stream that a request names, in the request's scope; AwsError when there is none."""
        scope = emulator.scope()
        name = payload.get("StreamName") or self._name_in(str(payload.get("StreamARN", "")), scope)
        stream = self._streams.get((scope, name))
        if stream is None:
            raise AwsError("ResourceNotFoundException", f"Stream {name} under account {scope.account} not found.")
        return stream

    def by_arn(self, arn: str) -> Stream | None:
        """A stream of any scope."""
        return next((stream for stream in self._streams.values() if stream.state.arn == arn), None)

    def of_scope(self, scope: Scope) -> Iterator[Stream]:
        """The scope's streams, by name."""
        for key in sorted(self._streams, key=lambda key: key[1]):
            if key[0] == scope:
                yield self._streams[key]

    def add(self, state: StreamState) -> Stream:
        """Make a stream; durable on return."""
        if (state.scope, state.name) in self._streams:
            raise AwsError(
                "ResourceInUseException", f"Stream {state.name} under account {state.scope.account} already exists."
            )
        folder = self.folder / state.scope.account / state.scope.region / state.name
        stream = Stream.create(folder, state, segment_bytes=self.settings.segment_bytes)
        self._streams[state.scope, state.name] = stream
        return stream

    def remove(self, stream: Stream) -> None:
        stream.delete()
        del self._streams[stream.state.scope, stream.state.name]

    def note_unsynced(self, log: RecordLog) -> None:
        """Remember a log that has records which a power cut could take."""
        self._unsynced.add(log)

    def take_unsynced(self) -> set[RecordLog]:
        """Those logs; the caller syncs them."""
        taken, self._unsynced = self._unsynced, set()
        return taken

    def open_shard_count(self, scope: Scope) -> int:
        return sum(len(stream.state.shards.open_shards()) for stream in self.of_scope(scope))

    def check_shard_limit(self, scope: Scope, more: int) -> None:
        """AwsError when `more` open shards would exceed the account's quota."""
        current, limit = self.open_shard_count(scope), self.settings.shard_limit
        if current + more > limit:
            raise AwsError(
                "LimitExceededException",
                f"This request would exceed the shard limit for the account {scope.account} in {scope.region}. "
                f"Current shard count for the account: {current}. Limit: {limit}. "
                f"Number of additional shards that would have resulted from this request: {more}.",
            )

    @staticmethod
    def new_incarnation() -> str:
        return uuid.uuid4().hex

    @staticmethod
    def _name_in(arn: str, scope: Scope) -> str:
        prefix = f"arn:aws:kinesis:{scope.region}:{scope.account}:stream/"
        if not arn:
            raise AwsError("InvalidArgumentException", "One of StreamName or StreamARN must be provided.")
        return arn.removeprefix(prefix)
