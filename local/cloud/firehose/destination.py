"""A delivery stream's configuration on the wire → what delivery needs, and where an object goes.

A configuration that the local cloud cannot serve (transform, convert, partition dynamically, back up) is refused.

Prefix expressions: `!{timestamp:PATTERN}` takes Java's date letters, in UTC. All expressions of a prefix show the same
moment: the arrival of the oldest record in the object. A prefix without one gets `yyyy/MM/dd/HH/` added, as on AWS.
"""

import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from local.cloud import files
from local.cloud.emulator import Scope
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
#: The members that the older S3DestinationDescription does not have.
EXTENDED_MEMBERS = frozenset({"S3BackupMode", "CustomTimeZone", *_SWITCHES})
_BUCKET = "arn:aws:s3:::"

_EXPRESSION = re.compile(r"!\{([^:}]*):([^}]*)\}")
_LETTERS = re.compile(r"'([^']*)'|([A-Za-z])\2*|.")
_DEFAULT_PATTERN = "yyyy/MM/dd/HH/"
_FORMATS = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "DDD": "%j"}


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
        """Read an ExtendedS3DestinationConfiguration; raise AwsError for what is wrong or not supported."""
        _refuse_unsupported(given)
        wire = _DEFAULTS | given
        hints = _DEFAULTS["BufferingHints"] | wire["BufferingHints"]
        wire["BufferingHints"] = hints
        try:
            check_prefixes(wire["Prefix"], wire["ErrorOutputPrefix"])
        except PrefixError as error:
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


@dataclass(frozen=True, kw_only=True)
class DeliveryStreamState:
    """A delivery stream from Kinesis to S3: one JSON document on disk.

    Times are epoch seconds; a new destination makes a new version.
    """

    scope: Scope
    name: str
    source_arn: str
    source_role: str
    #: On the disk as on the wire.
    destination: Annotated[Destination, BeforeValidator(Destination.parse)]
    created: float
    updated: float
    version: int = 1
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:firehose:{self.scope.region}:{self.scope.account}:deliverystream/{self.name}"

    def save(self, path: Path) -> None:
        """Write the state; it is on the disk on return."""
        files.write_json(path, asdict(self) | {"destination": self.destination.wire})


class PrefixError(ValueError):
    """A prefix that Firehose would refuse, or that the local cloud does not support."""


def evaluate_prefix(prefix: str, moment: datetime, *, random: str, error_type: str | None = None) -> str:
    """Return the prefix with its expressions filled in; `random` stands for each `!{firehose:random-string}`."""

    def value(match: re.Match[str]) -> str:
        match match.groups():
            case ("timestamp", pattern):
                return _java_date(pattern, moment)
            case ("firehose", "random-string"):
                return random
            case ("firehose", "error-output-type") if error_type is not None:
                return error_type
        raise PrefixError(f"{match.group()} cannot stand in the prefix {prefix!r}")

    evaluated = _EXPRESSION.sub(value, prefix)
    return evaluated if "!{timestamp:" in prefix else evaluated + _java_date(_DEFAULT_PATTERN, moment)


def check_prefixes(prefix: str, error_prefix: str) -> None:
    """Raise PrefixError for a pair of prefixes that Firehose would refuse."""
    moment = datetime.fromtimestamp(0, UTC)
    evaluate_prefix(prefix, moment, random="")
    evaluate_prefix(error_prefix, moment, random="", error_type="processing-failed")
    if _EXPRESSION.search(prefix) and "!{firehose:error-output-type}" not in error_prefix:
        raise PrefixError(
            f"the prefix {prefix!r} has expressions, so ErrorOutputPrefix must have !{{firehose:error-output-type}}"
        )


def _java_date(pattern: str, moment: datetime) -> str:
    def letters(match: re.Match[str]) -> str:
        if match.group(1) is not None:
            return match.group(1) or "'"
        if match.group(2) is None:
            return match.group()
        if match.group() not in _FORMATS:
            raise PrefixError(f"the local cloud does not have {match.group()!r} in a date pattern")
        # strftime writes the year of a date before 1000 without its leading zeros
        return f"{moment.year:04d}" if match.group() == "yyyy" else moment.strftime(_FORMATS[match.group()])

    return _LETTERS.sub(letters, pattern)


def _refuse_unsupported(given: Payload) -> None:
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
