"""AWS::Kinesis::Stream and AWS::KinesisFirehose::DeliveryStream, through our own services' calls."""

import time
from typing import Final

from local.cloud.cloudformation.handler import Handlers, Made, Properties, ResourceError, handlers, tags_of
from local.cloud.firehose import service as firehose
from local.cloud.kinesis import service as kinesis

STREAM: Final = "AWS::Kinesis::Stream"
DELIVERY_STREAM: Final = "AWS::KinesisFirehose::DeliveryStream"
TYPES: Final = (STREAM, DELIVERY_STREAM)

_DEFAULT_RETENTION_HOURS: Final = 24
_READY_SECONDS: Final = 300
_SOURCE: Final = "KinesisStreamSourceConfiguration"
_DESTINATION: Final = "ExtendedS3DestinationConfiguration"


def register(types: dict[str, Handlers]) -> None:
    """Take these types over."""
    types[STREAM] = handlers(create=_create_stream, update=_update_stream, delete=_delete_stream)
    types[DELIVERY_STREAM] = handlers(create=_create_delivery, update=_update_delivery, delete=_delete_delivery)


def _create_stream(logical_id: str, properties: Properties, stack_name: str) -> Made:
    name = str(properties.get("Name") or f"{stack_name}-{logical_id}")
    kinesis.get().call(
        "CreateStream",
        {
            "StreamName": name,
            "ShardCount": int(properties.get("ShardCount", 1)),
            "StreamModeDetails": properties.get("StreamModeDetails") or {"StreamMode": "PROVISIONED"},
            "Tags": tags_of(properties),
        },
    )
    _wait_until_active(name)
    _set_retention(name, _DEFAULT_RETENTION_HOURS, _retention(properties))
    _set_encryption(name, None, properties.get("StreamEncryption"))
    return name, {"Arn": _summary(name)["StreamARN"]}


def _update_stream(name: str, old: Properties, new: Properties, stack_name: str) -> Made:
    if new.get("Name", name) != name:
        return _create_stream(name, new, stack_name)
    service = kinesis.get()
    if old.get("StreamModeDetails") != new.get("StreamModeDetails"):
        raise ResourceError("the local cloud has provisioned streams only: StreamModeDetails cannot change")
    _set_retention(name, _retention(old), _retention(new))
    _set_encryption(name, old.get("StreamEncryption"), new.get("StreamEncryption"))
    _set_tags(name, tags_of(old), tags_of(new))
    target = int(new.get("ShardCount", 1))
    # Only a change of the template moves shards: the scaling DAG moves them too, and a stack update must not undo it.
    if target != int(old.get("ShardCount", 1)) and target != _summary(name)["OpenShardCount"]:
        service.call(
            "UpdateShardCount",
            {"StreamName": name, "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"},
        )
        _wait_until_active(name)
    return name, {"Arn": _summary(name)["StreamARN"]}


def _delete_stream(name: str, _properties: Properties) -> None:
    kinesis.get().call("DeleteStream", {"StreamName": name, "EnforceConsumerDeletion": True})


def _summary(name: str) -> Properties:
    summary: Properties = kinesis.get().call("DescribeStreamSummary", {"StreamName": name})["StreamDescriptionSummary"]
    return summary


def _wait_until_active(name: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while (status := _summary(name)["StreamStatus"]) != "ACTIVE":
        if time.monotonic() > deadline:
            raise ResourceError(f"stream {name} is still {status} after {_READY_SECONDS} s")
        time.sleep(0.05)


def _retention(properties: Properties) -> int:
    return int(properties.get("RetentionPeriodHours", _DEFAULT_RETENTION_HOURS))


def _set_retention(name: str, old: int, new: int) -> None:
    if old != new:
        action = "IncreaseStreamRetentionPeriod" if new > old else "DecreaseStreamRetentionPeriod"
        kinesis.get().call(action, {"StreamName": name, "RetentionPeriodHours": new})


def _set_encryption(name: str, old: Properties | None, new: Properties | None) -> None:
    if old == new:
        return
    if new is None:
        kinesis.get().call("StopStreamEncryption", {"StreamName": name, **(old or {})})
    else:
        kinesis.get().call("StartStreamEncryption", {"StreamName": name, **new})


def _set_tags(name: str, old: dict[str, str], new: dict[str, str]) -> None:
    if gone := sorted(old.keys() - new.keys()):
        kinesis.get().call("RemoveTagsFromStream", {"StreamName": name, "TagKeys": gone})
    if added := dict(new.items() - old.items()):
        kinesis.get().call("AddTagsToStream", {"StreamName": name, "Tags": added})


def _create_delivery(logical_id: str, properties: Properties, stack_name: str) -> Made:
    name = str(properties.get("DeliveryStreamName") or f"{stack_name}-{logical_id}")
    answer = firehose.get().call("CreateDeliveryStream", {**properties, "DeliveryStreamName": name})
    return name, {"Arn": answer["DeliveryStreamARN"]}


def _update_delivery(name: str, old: Properties, new: Properties, stack_name: str) -> Made:
    if any(old.get(key) != new.get(key) for key in ("DeliveryStreamName", "DeliveryStreamType", _SOURCE)):
        return _create_delivery(name, new, stack_name)
    service = firehose.get()
    described = service.call("DescribeDeliveryStream", {"DeliveryStreamName": name})["DeliveryStreamDescription"]
    if old.get(_DESTINATION) != new.get(_DESTINATION):
        service.call(
            "UpdateDestination",
            {
                "DeliveryStreamName": name,
                "CurrentDeliveryStreamVersionId": described["VersionId"],
                "DestinationId": described["Destinations"][0]["DestinationId"],
                "ExtendedS3DestinationUpdate": new[_DESTINATION],
            },
        )
    if gone := sorted(tags_of(old).keys() - tags_of(new).keys()):
        service.call("UntagDeliveryStream", {"DeliveryStreamName": name, "TagKeys": gone})
    if new.get("Tags") and old.get("Tags") != new["Tags"]:
        service.call("TagDeliveryStream", {"DeliveryStreamName": name, "Tags": new["Tags"]})
    return name, {"Arn": described["DeliveryStreamARN"]}


def _delete_delivery(name: str, _properties: Properties) -> None:
    firehose.get().call("DeleteDeliveryStream", {"DeliveryStreamName": name})
