"""All delivery streams of this cloud, from Kinesis to S3, on disk and at work."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from local.cloud import emulator, files
from local.cloud.emulator import Scope
from local.cloud.firehose import checkpoint, state
from local.cloud.firehose.checkpoint import Checkpoint
from local.cloud.firehose.pump import Pump
from local.cloud.firehose.source import Source, SourceGoneError
from local.cloud.firehose.state import DeliveryStreamState
from local.cloud.json_protocol import AwsError, Payload
from local.cloud.kinesis.service import KinesisService
from local.cloud.settings import LocalCloudSettings

POLL_SECONDS = 0.25
_NEW = ".new-"
_DELETED = ".deleted-"


class DeliveryStream:
    """A delivery stream and its pump, in one folder."""

    def __init__(self, folder: Path, kinesis: KinesisService) -> None:
        self.folder = folder
        self.state = state.load(folder / "stream.json")
        self.pump = Pump(folder / "checkpoint.json", Source(kinesis=kinesis, arn=self.state.source_arn))

    @classmethod
    def create(cls, folder: Path, made: DeliveryStreamState, kinesis: KinesisService) -> "DeliveryStream":
        """A new one reads from the latest record on; AwsError when the source does not exist."""
        source = Source(kinesis=kinesis, arn=made.source_arn)
        try:
            start = Checkpoint(incarnation=source.incarnation(), positions=source.ends())
        except SourceGoneError as error:
            raise AwsError("InvalidArgumentException", f"{error}.") from error
        partial = folder.with_name(f"{_NEW}{folder.name}")
        try:
            checkpoint.save(partial / "checkpoint.json", start)
            state.save(partial / "stream.json", made)
            partial.rename(folder)  # at once: a folder without both is never one that was interrupted
            files.sync_folders([folder.parent])
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return cls(folder, kinesis)

    def delete(self) -> None:
        """Remove it from the disk."""
        doomed = self.folder.with_name(f"{_DELETED}{self.folder.name}")
        self.folder.rename(doomed)
        files.sync_folders([doomed.parent])
        shutil.rmtree(doomed, ignore_errors=True)  # what is left goes at the next start

    def update(self, change: Callable[[DeliveryStreamState], DeliveryStreamState]) -> None:
        changed = change(self.state)
        state.save(self.folder / "stream.json", changed)
        self.state = changed


class DeliveryStreams:
    """All delivery streams of this cloud."""

    def __init__(self, settings: LocalCloudSettings, kinesis: KinesisService) -> None:
        self._folder = settings.state_dir / "firehose"
        self._kinesis = kinesis
        self._lock = threading.RLock()
        self._streams: dict[tuple[Scope, str], DeliveryStream] = {}
        for folder in sorted(self._folder.glob("*/*/*")):
            if folder.name.startswith((_NEW, _DELETED)):
                shutil.rmtree(folder)
                continue
            stream = DeliveryStream(folder, kinesis)
            stream.pump.meet_log()
            self._streams[stream.state.scope, stream.state.name] = stream

    async def run(self) -> None:
        """Deliver, until cancelled."""
        while True:
            delivered = [await stream.pump.step(stream.state) for stream in list(self._streams.values())]
            await asyncio.sleep(0 if any(delivered) else POLL_SECONDS)

    def get(self, payload: Payload) -> DeliveryStream:
        scope, name = emulator.scope(), payload.get("DeliveryStreamName")
        stream = self._streams.get((scope, str(name)))
        if stream is None:
            raise AwsError("ResourceNotFoundException", f"Firehose {name} under account {scope.account} not found.")
        return stream

    def create(self, made: DeliveryStreamState) -> None:
        with self._lock:
            if (made.scope, made.name) in self._streams:
                raise AwsError(
                    "ResourceInUseException",
                    f"Firehose {made.name} under accountId {made.scope.account} already exists",
                )
            folder = self._folder / made.scope.account / made.scope.region / made.name
            self._streams[made.scope, made.name] = DeliveryStream.create(folder, made, self._kinesis)

    def delete(self, stream: DeliveryStream) -> None:
        with self._lock:
            stream.delete()
            del self._streams[stream.state.scope, stream.state.name]

    def of_scope(self, scope: Scope) -> Iterator[DeliveryStream]:
        """The scope's delivery streams, by name."""
        for key in sorted(self._streams, key=lambda key: key[1]):
            if key[0] == scope:
                yield self._streams[key]
