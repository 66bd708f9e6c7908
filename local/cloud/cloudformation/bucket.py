"""AWS::S3::Bucket through S3's own calls: encryption and lifecycle are kept, a bucket with objects is not deleted."""

from typing import Any, Final
from xml.etree import ElementTree as ET

from local.cloud.cloudformation.handler import Handlers, Made, Properties, ResourceError, checked, handlers, tags_of

TYPE: Final = "AWS::S3::Bucket"


def register(types: dict[str, Handlers]) -> None:
    """Take this type over."""
    types[TYPE] = handlers(create=_create, update=_update, delete=_delete)


def _create(logical_id: str, properties: Properties, _stack_name: str) -> Made:
    from ministack.services import s3

    name = properties.get("BucketName")
    if not name:
        raise ResourceError(f"{logical_id}: the local cloud makes no bucket names up, give it a BucketName")
    if s3._bucket_owner_account(name) is not None:
        raise ResourceError(f"{name} already exists")
    checked(TYPE, s3._create_bucket(name, b""))
    _configure(name, properties)
    return name, _attributes(name)


def _update(name: str, _old: Properties, new: Properties, stack_name: str) -> Made:
    if new.get("BucketName") != name:
        return _create(name, new, stack_name)
    _configure(name, new)
    return name, _attributes(name)


def _delete(name: str, _properties: Properties) -> None:
    from ministack.services import s3

    checked(TYPE, s3._delete_bucket(name))


def _configure(name: str, properties: Properties) -> None:
    """Put each configuration that is given, and delete each that is not."""
    from ministack.services import s3
    from ministack.services.cloudformation import provisioners

    encryption = properties.get("BucketEncryption")
    body = encryption and _encryption_xml(encryption)
    checked(TYPE, s3._put_bucket_encryption(name, body) if body else s3._delete_bucket_encryption(name))
    lifecycle = properties.get("LifecycleConfiguration")
    body = lifecycle and _lifecycle_xml(lifecycle)
    checked(TYPE, s3._put_bucket_lifecycle(name, body) if body else s3._delete_bucket_lifecycle(name))
    access = properties.get("PublicAccessBlockConfiguration")
    body = access and provisioners._s3_public_access_block_xml(access)
    checked(TYPE, s3._put_public_access_block(name, body) if body else s3._delete_public_access_block(name))
    tags = tags_of(properties)
    checked(TYPE, s3._put_bucket_tagging(name, _tagging_xml(tags)) if tags else s3._delete_bucket_tagging(name))


def _attributes(name: str) -> dict[str, Any]:
    from ministack.services.cloudformation import provisioners

    attributes: dict[str, Any] = provisioners._s3_attrs(name)
    return attributes


def _encryption_xml(encryption: Properties) -> bytes:
    root = ET.Element("ServerSideEncryptionConfiguration")
    for rule in encryption["ServerSideEncryptionConfiguration"]:
        default = ET.SubElement(ET.SubElement(root, "Rule"), "ApplyServerSideEncryptionByDefault")
        algorithm = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        ET.SubElement(default, "SSEAlgorithm").text = algorithm
    return ET.tostring(root)


def _lifecycle_xml(lifecycle: Properties) -> bytes:
    root = ET.Element("LifecycleConfiguration")
    for rule in lifecycle["Rules"]:
        element = ET.SubElement(root, "Rule")
        ET.SubElement(element, "ID").text = rule["Id"]
        ET.SubElement(element, "Status").text = rule["Status"]
        filtered = ET.SubElement(element, "Filter")
        ET.SubElement(filtered, "Prefix").text = rule.get("Prefix", "")
        if "ExpirationInDays" in rule:
            expiration = ET.SubElement(element, "Expiration")
            ET.SubElement(expiration, "Days").text = str(rule["ExpirationInDays"])
        if "AbortIncompleteMultipartUpload" in rule:
            abort = ET.SubElement(element, "AbortIncompleteMultipartUpload")
            days = rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
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
