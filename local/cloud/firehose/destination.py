"""The S3 destination of a delivery stream: from the configuration on the wire to what delivery needs.

What the local cloud cannot do (transform, convert, partition dynamically, back up) is refused when it is asked for.
"""

from dataclasses import dataclass
from typing import Any

from local.cloud.firehose import prefix
from local.cloud.json_protocol import AwsError, Payload

_DEFAULTS: Payload = {
    "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
    "CompressionFormat": "UNCOMPRESSED",
    "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
    "CloudWatchLoggingOptions": {"Enabled": False},
    "S3BackupMode": "Disabled",
    "Prefix": "",
    "ErrorOutputPrefix": "",
}
_SWITCHES = ("ProcessingConfiguration", "DataFormatConversionConfiguration", "DynamicPartitioningConfiguration")
_MEMBERS = _DEFAULTS.keys() | {"RoleARN", "BucketARN", "CustomTimeZone", *_SWITCHES}
_BUCKET = "arn:aws:s3:::"


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where objects go and when one is closed; `wire` is the configuration as described to clients."""

    bucket: str
    prefix: str
    error_prefix: str
    buffer_bytes: int
    buffer_seconds: int
    gzip: bool
    wire: Payload

    @classmethod
    def parse(cls, given: Payload) -> "Destination":
        """From an ExtendedS3DestinationConfiguration; AwsError for what is wrong or not there."""
        _refuse_what_is_not_here(given)
        wire = _DEFAULTS | given
        hints = _DEFAULTS["BufferingHints"] | wire["BufferingHints"]
        wire["BufferingHints"] = hints
        try:
            prefix.check(wire["Prefix"], wire["ErrorOutputPrefix"])
        except prefix.PrefixError as error:
            raise _invalid(str(error)) from error
        bucket = str(wire.get("BucketARN", ""))
        if not bucket.startswith(_BUCKET) or not wire.get("RoleARN"):
            raise _invalid(f"BucketARN {bucket!r} must be an S3 bucket's ARN, and RoleARN is required.")
        return cls(
            bucket=bucket.removeprefix(_BUCKET),
            prefix=wire["Prefix"],
            error_prefix=wire["ErrorOutputPrefix"],
            buffer_bytes=_between(hints, "SizeInMBs", 1, 128) * 2**20,
            buffer_seconds=_between(hints, "IntervalInSeconds", 0, 900),
            gzip=wire["CompressionFormat"] == "GZIP",
            wire=wire,
        )


def _refuse_what_is_not_here(given: Payload) -> None:
    unknown = given.keys() - _MEMBERS
    if unknown:
        raise _invalid(f"The local cloud does not have {', '.join(sorted(unknown))}.")
    for switch in _SWITCHES:
        if given.get(switch, {}).get("Enabled"):
            raise _invalid(f"The local cloud does not have {switch}; it delivers records as they are.")
    if given.get("CompressionFormat", "GZIP") not in ("GZIP", "UNCOMPRESSED"):
        raise _invalid(f"The local cloud does not have CompressionFormat {given['CompressionFormat']}.")
    if given.get("S3BackupMode", "Disabled") != "Disabled" or given.get("CustomTimeZone", "UTC") != "UTC":
        raise _invalid("The local cloud has neither S3BackupMode Enabled nor a CustomTimeZone.")


def _between(hints: Payload, name: str, low: int, high: int) -> int:
    value: Any = hints[name]
    if not isinstance(value, int) or not low <= value <= high:
        raise AwsError("ValidationException", f"{name} {value!r} is not between {low} and {high}.")
    return value


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidArgumentException", message)
