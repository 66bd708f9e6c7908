"""The Firehose service: all delivery streams of this cloud, its table of operations, the work beside the requests."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from local.cloud import emulator, files
from local.cloud.emulator import Scope
from local.cloud.firehose.checkpoint import Checkpoint
from local.cloud.firehose.destination import EXTENDED_MEMBERS, DeliveryStreamState, Destination
from local.cloud.firehose.pump import Pump, Source, SourceGoneError
from local.cloud.json_protocol import AwsError, JsonService, Operations, Payload
from local.cloud.kinesis.service import KinesisService
from local.cloud.settings import LocalCloudSettings

_POLL_SECONDS = 0.25
_STATE_FILE = "stream.json"
_CHECKPOINT_FILE = "checkpoint.json"

_DESTINATION_ID = "destinationId-000000000001"
_DESTINATION = "ExtendedS3DestinationConfiguration"
_UPDATE = "ExtendedS3DestinationUpdate"
_NAME = "DeliveryStreamName"


class DeliveryStream:
    """A delivery stream and its pump, in one folder."""

    def __init__(self, folder: Path, kinesis: KinesisService) -> None:
        self._folder = folder
        self.state = files.read_state(folder / _STATE_FILE, DeliveryStreamState)
        self.pump = Pump(folder / _CHECKPOINT_FILE, Source(kinesis=kinesis, arn=self.state.source_arn))

    @classmethod
    def create(cls, folder: Path, state: DeliveryStreamState, kinesis: KinesisService) -> "DeliveryStream":
        """Create one that reads from the latest record on; raise AwsError if the source does not exist."""
        source = Source(kinesis=kinesis, arn=state.source_arn)
        try:
            start = Checkpoint(incarnation=source.incarnation(), positions=source.ends())
        except SourceGoneError as error:
            raise AwsError("InvalidArgumentException", f"{error}.") from error

        def write(partial: Path) -> None:
            files.write_state(partial / _CHECKPOINT_FILE, start)
            state.save(partial / _STATE_FILE)

        files.create_folder(folder, write)
        return cls(folder, kinesis)

    def delete(self) -> None:
        """Remove it from the disk."""
        files.delete_folder(self._folder)

    def update(self, change: Callable[[DeliveryStreamState], DeliveryStreamState]) -> None:
        """Change the state, on the disk before it counts."""
        changed = change(self.state)
        changed.save(self._folder / _STATE_FILE)
        self.state = changed


class DeliveryStreams:
    """All delivery streams of this cloud."""

    def __init__(self, settings: LocalCloudSettings, kinesis: KinesisService) -> None:
        self._folder = settings.state_dir / "firehose"
        self._kinesis = kinesis
        self._lock = threading.RLock()
        self._streams: dict[tuple[Scope, str], DeliveryStream] = {}
        for folder in files.whole_folders(self._folder, "*/*/*"):
            stream = DeliveryStream(folder, kinesis)
            stream.pump.skip_lost_records()
            self._streams[stream.state.scope, stream.state.name] = stream

    async def run(self) -> None:
        """Deliver, until cancelled."""
        while True:
            delivered = [await stream.pump.step(stream.state) for stream in list(self._streams.values())]
            await asyncio.sleep(0 if any(delivered) else _POLL_SECONDS)

    def get(self, payload: Payload) -> DeliveryStream:
        scope, name = emulator.scope(), payload.get(_NAME)
        stream = self._streams.get((scope, str(name)))
        if stream is None:
            raise AwsError("ResourceNotFoundException", f"Firehose {name} under account {scope.account} not found.")
        return stream

    def create(self, state: DeliveryStreamState) -> None:
        with self._lock:
            if (state.scope, state.name) in self._streams:
                raise AwsError(
                    "ResourceInUseException",
                    f"Firehose {state.name} under accountId {state.scope.account} already exists",
                )
            folder = self._folder / state.scope.account / state.scope.region / state.name
            self._streams[state.scope, state.name] = DeliveryStream.create(folder, state, self._kinesis)

    def delete(self, stream: DeliveryStream) -> None:
        with self._lock:
            stream.delete()
            del self._streams[stream.state.scope, stream.state.name]

    def in_scope(self, scope: Scope) -> Iterator[DeliveryStream]:
        """Yield the scope's delivery streams, by name."""
        for key in sorted(self._streams, key=lambda key: key[1]):
            if key[0] == scope:
                yield self._streams[key]


def create_delivery_stream(streams: DeliveryStreams, payload: Payload) -> Payload:
    """CreateDeliveryStream, from Kinesis to S3; ACTIVE at once."""
    source = payload.get("KinesisStreamSourceConfiguration", {})
    kind = payload.get("DeliveryStreamType", "DirectPut")
    if kind != "KinesisStreamAsSource" or _DESTINATION not in payload or not source.get("KinesisStreamARN"):
        raise AwsError(
            "InvalidArgumentException",
            f"The local cloud has only KinesisStreamAsSource with {_DESTINATION}, not {kind}.",
        )
    now = time.time()
    state = DeliveryStreamState(
        scope=emulator.scope(),
        name=str(payload.get(_NAME)),
        source_arn=source["KinesisStreamARN"],
        source_role=source.get("RoleARN", ""),
        destination=Destination.parse(payload[_DESTINATION]),
        created=now,
        updated=now,
        tags=_tags(payload),
    )
    streams.create(state)
    return {"DeliveryStreamARN": state.arn}


def describe_delivery_stream(streams: DeliveryStreams, payload: Payload) -> Payload:
    """DescribeDeliveryStream."""
    state = streams.get(payload).state
    wire = state.destination.wire
    source = {
        "KinesisStreamARN": state.source_arn,
        "RoleARN": state.source_role,
        "DeliveryStartTimestamp": state.created,
    }
    destination = {
        "DestinationId": _DESTINATION_ID,
        "S3DestinationDescription": {name: wire[name] for name in wire.keys() - EXTENDED_MEMBERS},
        "ExtendedS3DestinationDescription": wire,
    }
    description: Payload = {
        "DeliveryStreamName": state.name,
        "DeliveryStreamARN": state.arn,
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamType": "KinesisStreamAsSource",
        "VersionId": str(state.version),
        "CreateTimestamp": state.created,
        "LastUpdateTimestamp": state.updated,
        "Source": {"KinesisStreamSourceDescription": source},
        "Destinations": [destination],
        "HasMoreDestinations": False,
    }
    return {"DeliveryStreamDescription": description}


def delete_delivery_stream(streams: DeliveryStreams, payload: Payload) -> Payload:
    """DeleteDeliveryStream; what was not delivered yet stays in Kinesis."""
    streams.delete(streams.get(payload))
    return {}


def list_delivery_streams(streams: DeliveryStreams, payload: Payload) -> Payload:
    """ListDeliveryStreams, by name."""
    after = payload.get("ExclusiveStartDeliveryStreamName", "")
    wanted = payload.get("DeliveryStreamType", "KinesisStreamAsSource") == "KinesisStreamAsSource"
    names = [one.state.name for one in streams.in_scope(emulator.scope()) if wanted and one.state.name > after]
    limit = int(payload.get("Limit", 10))
    return {"DeliveryStreamNames": names[:limit], "HasMoreDeliveryStreams": len(names) > limit}


def update_destination(streams: DeliveryStreams, payload: Payload) -> Payload:
    """UpdateDestination: the given members replace the old ones; the object being written keeps the old destination."""
    stream = streams.get(payload)
    if payload.get("CurrentDeliveryStreamVersionId") != str(stream.state.version):
        raise AwsError(
            "ConcurrentModificationException",
            f"Cannot update firehose: {stream.state.name} since the current version id: {stream.state.version} and "
            f"specified version id: {payload.get('CurrentDeliveryStreamVersionId')} do not match",
        )
    if payload.get("DestinationId") != _DESTINATION_ID or _UPDATE not in payload:
        raise AwsError("InvalidArgumentException", f"The only destination is {_DESTINATION_ID}, and takes {_UPDATE}.")
    destination = Destination.parse(stream.state.destination.wire | payload[_UPDATE])
    stream.update(lambda state: replace(state, destination=destination, version=state.version + 1, updated=time.time()))
    return {}


def tag(streams: DeliveryStreams, payload: Payload) -> Payload:
    """TagDeliveryStream."""
    streams.get(payload).update(lambda state: replace(state, tags=state.tags | _tags(payload)))
    return {}


def untag(streams: DeliveryStreams, payload: Payload) -> Payload:
    """UntagDeliveryStream."""
    removed = set(payload.get("TagKeys", []))
    streams.get(payload).update(
        lambda state: replace(state, tags={key: value for key, value in state.tags.items() if key not in removed})
    )
    return {}


def list_tags(streams: DeliveryStreams, payload: Payload) -> Payload:
    """ListTagsForDeliveryStream, by key."""
    tags = sorted(streams.get(payload).state.tags.items())
    tags = [one for one in tags if one[0] > payload.get("ExclusiveStartTagKey", "")]
    limit = int(payload.get("Limit", 50))
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags[:limit]], "HasMoreTags": len(tags) > limit}


def _tags(payload: Payload) -> dict[str, str]:
    return {one["Key"]: one.get("Value", "") for one in payload.get("Tags", [])}


OPERATIONS: Operations = {
    "CreateDeliveryStream": (
        create_delivery_stream,
        (_NAME, "DeliveryStreamType", "KinesisStreamSourceConfiguration", _DESTINATION, "Tags"),
    ),
    "DeleteDeliveryStream": (delete_delivery_stream, (_NAME, "AllowForceDelete")),
    "DescribeDeliveryStream": (describe_delivery_stream, (_NAME, "Limit", "ExclusiveStartDestinationId")),
    "ListDeliveryStreams": (
        list_delivery_streams,
        ("Limit", "DeliveryStreamType", "ExclusiveStartDeliveryStreamName"),
    ),
    "ListTagsForDeliveryStream": (list_tags, (_NAME, "ExclusiveStartTagKey", "Limit")),
    "TagDeliveryStream": (tag, (_NAME, "Tags")),
    "UntagDeliveryStream": (untag, (_NAME, "TagKeys")),
    "UpdateDestination": (update_destination, (_NAME, "CurrentDeliveryStreamVersionId", "DestinationId", _UPDATE)),
}


class FirehoseService(JsonService):
    """The operations on delivery streams; the server runs `DeliveryStreams.run` beside the requests."""

    def __init__(self, streams: DeliveryStreams) -> None:
        super().__init__(OPERATIONS, streams, target="Firehose_20150804")
        self.streams = streams


def install(settings: LocalCloudSettings, kinesis: KinesisService) -> FirehoseService:
    """Read the delivery streams from disk and answer the calls to Firehose."""
    service = FirehoseService(DeliveryStreams(settings, kinesis))
    emulator.replace("firehose", service.handle)
    return service
