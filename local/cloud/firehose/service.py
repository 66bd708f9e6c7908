"""The Firehose service: its table of operations, its HTTP handler, the work beside the requests."""

import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from local.cloud import emulator, json_protocol
from local.cloud.firehose.destination import Destination
from local.cloud.firehose.state import DeliveryStreamState
from local.cloud.firehose.streams import DeliveryStreams
from local.cloud.json_protocol import AwsError, Operation, Payload
from local.cloud.kinesis.service import KinesisService
from local.cloud.settings import LocalCloudSettings

_DESTINATION_ID = "destinationId-000000000001"
_DESTINATION = "ExtendedS3DestinationConfiguration"
_UPDATE = "ExtendedS3DestinationUpdate"
_NAME = "DeliveryStreamName"


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
    made = DeliveryStreamState(
        scope=emulator.scope(),
        name=str(payload.get(_NAME)),
        source_arn=source["KinesisStreamARN"],
        source_role=source.get("RoleARN", ""),
        destination=Destination.parse(payload[_DESTINATION]),
        created=now,
        updated=now,
        tags=_tags(payload),
    )
    streams.create(made)
    return {"DeliveryStreamARN": made.arn}


def describe_delivery_stream(streams: DeliveryStreams, payload: Payload) -> Payload:
    """DescribeDeliveryStream."""
    state = streams.get(payload).state
    s3_members = (
        "RoleARN",
        "BucketARN",
        "Prefix",
        "ErrorOutputPrefix",
        "BufferingHints",
        "CompressionFormat",
        "EncryptionConfiguration",
        "CloudWatchLoggingOptions",
    )
    wire = state.destination.wire
    source = {
        "KinesisStreamARN": state.source_arn,
        "RoleARN": state.source_role,
        "DeliveryStartTimestamp": state.created,
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
        "Destinations": [
            {
                "DestinationId": _DESTINATION_ID,
                "S3DestinationDescription": {name: wire[name] for name in s3_members},
                "ExtendedS3DestinationDescription": wire,
            }
        ],
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
    names = [one.state.name for one in streams.of_scope(emulator.scope()) if wanted and one.state.name > after]
    limit = int(payload.get("Limit", 10))
    return {"DeliveryStreamNames": names[:limit], "HasMoreDeliveryStreams": len(names) > limit}


def update_destination(streams: DeliveryStreams, payload: Payload) -> Payload:
    """UpdateDestination: what is given replaces what was; the object being written keeps the old one."""
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
    doomed = set(payload.get("TagKeys", []))
    streams.get(payload).update(
        lambda state: replace(state, tags={key: value for key, value in state.tags.items() if key not in doomed})
    )
    return {}


def list_tags(streams: DeliveryStreams, payload: Payload) -> Payload:
    """ListTagsForDeliveryStream, by key."""
    tags = sorted(streams.get(payload).state.tags.items())
    tags = [one for one in tags if one[0] > payload.get("ExclusiveStartTagKey", "")]
    limit = int(payload.get("Limit", 50))
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags[:limit]], "HasMoreTags": len(tags) > limit}


_OPERATIONS: dict[str, tuple[Callable[[DeliveryStreams, Payload], Payload], tuple[str, ...]]] = {
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


class FirehoseService:
    """All calls go through `call`; `run` delivers."""

    def __init__(self, streams: DeliveryStreams) -> None:
        self._streams = streams
        self.operations = {
            name: Operation(run=self._bound(run), members=frozenset(members))
            for name, (run, members) in _OPERATIONS.items()
        }

    def call(self, name: str, payload: Payload) -> Payload:
        """Run an operation in the scope of the request being answered; AwsError as AWS would answer it."""
        return json_protocol.call(self.operations, name, payload)

    def run(self) -> Coroutine[Any, Any, None]:
        return self._streams.run()

    def _bound(self, run: Callable[[DeliveryStreams, Payload], Payload]) -> Callable[[Payload], Payload]:
        return lambda payload: run(self._streams, payload)


_installed: list[FirehoseService] = []


def get() -> FirehoseService:
    """The service of this process."""
    return _installed[-1]


def install(settings: LocalCloudSettings, kinesis: KinesisService) -> FirehoseService:
    """Read the delivery streams back from disk and answer the calls to Firehose."""
    service = FirehoseService(DeliveryStreams(settings, kinesis))
    _installed.append(service)
    emulator.replace("firehose", json_protocol.handler(service.operations, "Firehose_20150804"))
    return service


def _tags(payload: Payload) -> dict[str, str]:
    return {one["Key"]: one.get("Value", "") for one in payload.get("Tags", [])}
