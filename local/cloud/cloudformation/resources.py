"""The resource types of Kinesis, Firehose and Athena, through our own services, and of S3's buckets."""

import time
import uuid
from abc import ABC, abstractmethod
from typing import Any, Final
from xml.etree import ElementTree as ET

from local.cloud import emulator
from local.cloud.athena.service import AthenaService
from local.cloud.athena.store import ENGINE, WorkGroup
from local.cloud.emr_serverless.service import EmrServerlessService
from local.cloud.firehose.service import FirehoseService
from local.cloud.kinesis.service import KinesisService

Properties = dict[str, Any]
#: The physical id (what `Ref` returns) and the attributes (what `Fn::GetAtt` returns).
Created = tuple[str, dict[str, Any]]

STREAM: Final = "AWS::Kinesis::Stream"
DELIVERY_STREAM: Final = "AWS::KinesisFirehose::DeliveryStream"
WORKGROUP: Final = "AWS::Athena::WorkGroup"
BUCKET: Final = "AWS::S3::Bucket"
NAMED_QUERY: Final = "AWS::Athena::NamedQuery"
SPARK_APPLICATION: Final = "AWS::EMRServerless::Application"
WAITING_TYPES: Final = (STREAM, DELIVERY_STREAM)

_DEFAULT_RETENTION_HOURS: Final = 24
_READY_SECONDS: Final = 300


class ResourceError(ValueError):
    """A resource cannot be created as its properties say; the stack's event carries the text."""


class ResourceType(ABC):
    """What the stack engine calls; an update returns a new physical id if it replaced the resource."""

    @abstractmethod
    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Created: ...

    @abstractmethod
    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created: ...

    @abstractmethod
    def delete(self, physical_id: str, properties: Properties) -> None: ...

    def handlers(self) -> dict[str, Any]:
        """Return the engine's own record of a resource type."""
        return {"create": self.create, "update": self.update, "delete": self.delete}


def check_response(kind: str, response: tuple[int, Any, bytes | str]) -> None:
    """Raise ResourceError if a service of the emulator refused a call."""
    status, _headers, body = response
    if status >= 400:
        raise ResourceError(f"{kind}: {body!r}")


def is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def types(
    kinesis: KinesisService, firehose: FirehoseService, athena: AthenaService, emr: EmrServerlessService
) -> dict[str, ResourceType]:
    """Return the resource types of this module by name."""
    return {
        STREAM: _Stream(kinesis),
        DELIVERY_STREAM: _DeliveryStream(firehose),
        WORKGROUP: _WorkGroup(athena),
        BUCKET: _Bucket(),
        SPARK_APPLICATION: _SparkApplication(emr),
        NAMED_QUERY: _NamedQuery(),
    }


class _Stream(ResourceType):
    def __init__(self, kinesis: KinesisService) -> None:
        self._call = kinesis.call

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Created:
        name = str(properties.get("Name") or f"{stack_name}-{logical_id}")
        self._call(
            "CreateStream",
            {
                "StreamName": name,
                "ShardCount": int(properties.get("ShardCount", 1)),
                "StreamModeDetails": properties.get("StreamModeDetails") or {"StreamMode": "PROVISIONED"},
                "Tags": _tags(properties),
            },
        )
        self._wait_until_active(name)
        self._set_retention(name, {}, properties)
        self._set_encryption(name, None, properties.get("StreamEncryption"))
        return name, {"Arn": self._summary(name)["StreamARN"]}

    def update(self, name: str, old: Properties, new: Properties, stack_name: str) -> Created:
        if new.get("Name", name) != name:
            return self.create(name, new, stack_name)
        if old.get("StreamModeDetails") != new.get("StreamModeDetails"):
            raise ResourceError("the local cloud has provisioned streams only: StreamModeDetails cannot change")
        self._set_retention(name, old, new)
        self._set_encryption(name, old.get("StreamEncryption"), new.get("StreamEncryption"))
        self._set_tags(name, _tags(old), _tags(new))
        target = int(new.get("ShardCount", 1))
        # Only a change of the template resizes the stream: the scaling DAG resizes it too, and a stack update must not
        # undo that.
        if target != int(old.get("ShardCount", 1)) and target != self._summary(name)["OpenShardCount"]:
            self._call(
                "UpdateShardCount",
                {"StreamName": name, "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"},
            )
            self._wait_until_active(name)
        return name, {"Arn": self._summary(name)["StreamARN"]}

    def delete(self, name: str, _properties: Properties) -> None:
        self._call("DeleteStream", {"StreamName": name, "EnforceConsumerDeletion": True})

    def _summary(self, name: str) -> Properties:
        summary: Properties = self._call("DescribeStreamSummary", {"StreamName": name})["StreamDescriptionSummary"]
        return summary

    def _wait_until_active(self, name: str) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while (status := self._summary(name)["StreamStatus"]) != "ACTIVE":
            if time.monotonic() > deadline:
                raise ResourceError(f"stream {name} is still {status} after {_READY_SECONDS} s")
            time.sleep(0.05)

    def _set_retention(self, name: str, old: Properties, new: Properties) -> None:
        before, after = (int(one.get("RetentionPeriodHours", _DEFAULT_RETENTION_HOURS)) for one in (old, new))
        if before != after:
            action = "IncreaseStreamRetentionPeriod" if after > before else "DecreaseStreamRetentionPeriod"
            self._call(action, {"StreamName": name, "RetentionPeriodHours": after})

    def _set_encryption(self, name: str, old: Properties | None, new: Properties | None) -> None:
        if old == new:
            return
        if new is None:
            self._call("StopStreamEncryption", {"StreamName": name, **(old or {})})
        else:
            self._call("StartStreamEncryption", {"StreamName": name, **new})

    def _set_tags(self, name: str, old: dict[str, str], new: dict[str, str]) -> None:
        if removed := sorted(old.keys() - new.keys()):
            self._call("RemoveTagsFromStream", {"StreamName": name, "TagKeys": removed})
        if added := dict(new.items() - old.items()):
            self._call("AddTagsToStream", {"StreamName": name, "Tags": added})


class _DeliveryStream(ResourceType):
    _FIXED = ("DeliveryStreamName", "DeliveryStreamType", "KinesisStreamSourceConfiguration")
    _DESTINATION = "ExtendedS3DestinationConfiguration"

    def __init__(self, firehose: FirehoseService) -> None:
        self._call = firehose.call

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Created:
        name = str(properties.get("DeliveryStreamName") or f"{stack_name}-{logical_id}")
        answer = self._call("CreateDeliveryStream", {**properties, "DeliveryStreamName": name})
        return name, {"Arn": answer["DeliveryStreamARN"]}

    def update(self, name: str, old: Properties, new: Properties, stack_name: str) -> Created:
        if any(old.get(key) != new.get(key) for key in self._FIXED):
            return self.create(name, new, stack_name)
        described = self._call("DescribeDeliveryStream", {"DeliveryStreamName": name})["DeliveryStreamDescription"]
        if old.get(self._DESTINATION) != new.get(self._DESTINATION):
            self._call(
                "UpdateDestination",
                {
                    "DeliveryStreamName": name,
                    "CurrentDeliveryStreamVersionId": described["VersionId"],
                    "DestinationId": described["Destinations"][0]["DestinationId"],
                    "ExtendedS3DestinationUpdate": new[self._DESTINATION],
                },
            )
        if removed := sorted(_tags(old).keys() - _tags(new).keys()):
            self._call("UntagDeliveryStream", {"DeliveryStreamName": name, "TagKeys": removed})
        if new.get("Tags") and old.get("Tags") != new["Tags"]:
            self._call("TagDeliveryStream", {"DeliveryStreamName": name, "Tags": new["Tags"]})
        return name, {"Arn": described["DeliveryStreamARN"]}

    def delete(self, name: str, _properties: Properties) -> None:
        self._call("DeleteDeliveryStream", {"DeliveryStreamName": name})


class _WorkGroup(ResourceType):
    def __init__(self, athena: AthenaService) -> None:
        self._workgroups = athena.workgroups

    def create(self, _logical_id: str, properties: Properties, _stack_name: str) -> Created:
        group = self._parse(properties)
        self._workgroups.create(emulator.scope(), group)
        return group.name, {"CreationTime": str(group.created)}

    def update(self, name: str, _old: Properties, new: Properties, stack_name: str) -> Created:
        if new["Name"] != name:
            return self.create("", new, stack_name)
        self._workgroups.update(emulator.scope(), self._parse(new))
        return name, {}

    def delete(self, name: str, _properties: Properties) -> None:
        self._workgroups.delete(emulator.scope(), name)

    def _parse(self, properties: Properties) -> WorkGroup:
        configuration = properties.get("WorkGroupConfiguration") or {}
        results = configuration.get("ResultConfiguration") or {}
        engine = (configuration.get("EngineVersion") or {}).get("SelectedEngineVersion", ENGINE)
        if engine != ENGINE or str(configuration.get("PublishCloudWatchMetricsEnabled", "true")).lower() != "false":
            raise ResourceError(f"{WORKGROUP}: the local cloud has {ENGINE} only, and sends no metrics of it")
        limit = configuration.get("BytesScannedCutoffPerQuery")
        return WorkGroup(
            name=properties["Name"],
            description=properties.get("Description", ""),
            state=properties.get("State", "ENABLED"),
            output_location=results.get("OutputLocation"),
            encryption=(results.get("EncryptionConfiguration") or {}).get("EncryptionOption"),
            enforced=is_true(configuration.get("EnforceWorkGroupConfiguration", "true")),
            bytes_limit=None if limit is None else int(limit),
            created=time.time(),
            tags=_tags(properties),
        )


class _SparkApplication(ResourceType):
    """Through our own service, which runs an application's jobs on this machine."""

    def __init__(self, emr: EmrServerlessService) -> None:
        self._call = emr.call

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> Created:
        members = _members({"Name": f"{stack_name}-{logical_id}", **properties})
        return self._created(self._call("CreateApplication", {"clientToken": str(uuid.uuid4()), **members}))

    def update(self, application_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        if any(old.get(key) != new.get(key) for key in ("Name", "Type")):
            return self.create(application_id, new, stack_name)
        members = {name: value for name, value in _members(new).items() if name not in ("name", "tags", "type")}
        found = self._call("UpdateApplication", {"applicationId": application_id, **members})["application"]
        return self._created(found)

    def delete(self, application_id: str, _properties: Properties) -> None:
        self._call("DeleteApplication", {"applicationId": application_id})

    def _created(self, application: Properties) -> Created:
        identity = application["applicationId"]
        return identity, {"ApplicationId": identity, "Arn": application["arn"]}


def _members(properties: Properties) -> Properties:
    """Return an application's properties as EMR Serverless's own calls name them."""
    members: Properties = {name[0].lower() + name[1:]: _renamed(value) for name, value in properties.items()}
    if "initialCapacity" in members:
        members["initialCapacity"] = {one["key"]: one["value"] for one in members["initialCapacity"]}
    return members | ({"tags": _tags(properties)} if "Tags" in properties else {})


def _renamed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(one) for one in value]
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: _renamed(one) for name, one in value.items()}
    return value


class _NamedQuery(ResourceType):
    """By its id alone: the local Athena takes queries, and keeps none for later."""

    def create(self, _logical_id: str, _properties: Properties, _stack_name: str) -> Created:
        return self._described(str(uuid.uuid4()))

    def update(self, query_id: str, _old: Properties, _new: Properties, _stack_name: str) -> Created:
        return self._described(query_id)

    def delete(self, _query_id: str, _properties: Properties) -> None:
        """Nothing is kept of it."""

    def _described(self, query_id: str) -> Created:
        return query_id, {"NamedQueryId": query_id}


class _Bucket(ResourceType):
    """Through S3's own calls: encryption and lifecycle are kept, a bucket with objects is not deleted."""

    def create(self, logical_id: str, properties: Properties, _stack_name: str) -> Created:
        from ministack.services import s3

        name = properties.get("BucketName")
        if not name:
            raise ResourceError(f"{logical_id}: the local cloud makes no bucket names up, give it a BucketName")
        if s3._bucket_owner_account(name) is not None:
            raise ResourceError(f"{name} already exists")
        check_response(BUCKET, s3._create_bucket(name, b""))
        return self._configured(name, properties)

    def update(self, name: str, _old: Properties, new: Properties, stack_name: str) -> Created:
        if new.get("BucketName") != name:
            return self.create(name, new, stack_name)
        return self._configured(name, new)

    def delete(self, name: str, _properties: Properties) -> None:
        from ministack.services import s3

        check_response(BUCKET, s3._delete_bucket(name))

    def _configured(self, name: str, properties: Properties) -> Created:
        """Put each configuration that is given, and delete each that is not."""
        from ministack.services import s3
        from ministack.services.cloudformation import provisioners

        encryption = properties.get("BucketEncryption")
        lifecycle = properties.get("LifecycleConfiguration")
        access = properties.get("PublicAccessBlockConfiguration")
        tags = _tags(properties)
        for body, put, remove in (
            (encryption and _encryption_xml(encryption), s3._put_bucket_encryption, s3._delete_bucket_encryption),
            (lifecycle and _lifecycle_xml(lifecycle), s3._put_bucket_lifecycle, s3._delete_bucket_lifecycle),
            (
                access and provisioners._s3_public_access_block_xml(access),
                s3._put_public_access_block,
                s3._delete_public_access_block,
            ),
            (tags and _tagging_xml(tags), s3._put_bucket_tagging, s3._delete_bucket_tagging),
        ):
            check_response(BUCKET, put(name, body) if body else remove(name))
        return name, provisioners._s3_attrs(name)


def _encryption_xml(encryption: Properties) -> bytes:
    root = ET.Element("ServerSideEncryptionConfiguration")
    for rule in encryption["ServerSideEncryptionConfiguration"]:
        default = ET.SubElement(ET.SubElement(root, "Rule"), "ApplyServerSideEncryptionByDefault")
        ET.SubElement(default, "SSEAlgorithm").text = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
    return ET.tostring(root)


def _lifecycle_xml(lifecycle: Properties) -> bytes:
    root = ET.Element("LifecycleConfiguration")
    for rule in lifecycle["Rules"]:
        element = ET.SubElement(root, "Rule")
        ET.SubElement(element, "ID").text = rule["Id"]
        ET.SubElement(element, "Status").text = rule["Status"]
        ET.SubElement(ET.SubElement(element, "Filter"), "Prefix").text = rule.get("Prefix", "")
        if "ExpirationInDays" in rule:
            ET.SubElement(ET.SubElement(element, "Expiration"), "Days").text = str(rule["ExpirationInDays"])
        for transition in rule.get("Transitions", ()):
            moved = ET.SubElement(element, "Transition")
            ET.SubElement(moved, "Days").text = str(transition["TransitionInDays"])
            ET.SubElement(moved, "StorageClass").text = transition["StorageClass"]
        if "AbortIncompleteMultipartUpload" in rule:
            days = rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
            abort = ET.SubElement(element, "AbortIncompleteMultipartUpload")
            ET.SubElement(abort, "DaysAfterInitiation").text = str(days)
    return ET.tostring(root)


def _tagging_xml(tags: dict[str, str]) -> bytes:
    root = ET.Element("Tagging")
    tag_set = ET.SubElement(root, "TagSet")
    for key, value in tags.items():
        tag = ET.SubElement(tag_set, "Tag")
        ET.SubElement(tag, "Key").text = key
        ET.SubElement(tag, "Value").text = value
    return ET.tostring(root)


def _tags(properties: Properties) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or []}
