"""Where raw objects are written: a directory or an S3 prefix, in Firehose's layout and with Firehose's names.

`RAW` stands for the prefix that Firehose is told (`raw/`): `s3://bucket/raw`, or a directory in its place.
"""

from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from contracts.partitions import RAW_PREFIX, landing_prefix
from simulator.errors import BadArgumentError, RawTargetError
from storage.location import open_store
from storage.object_store import ObjectStore, StoreUriError


def open_raw_target(uri: str) -> ObjectStore:
    """Return the store that a URI names; raise `RawTargetError` for a bucket that can't be reached."""
    try:
        store = open_store(uri, error=RawTargetError)
        store.check_writable()
    except StoreUriError as error:
        raise BadArgumentError(str(error)) from None
    return store


def object_name(delivery_stream: str, oldest_record: datetime, identity: str) -> str:
    """Return an object's name below the raw prefix, as Firehose gives it; the same `identity`, the same name.

    `<stream>-<version>-YYYY-MM-DD-HH-MM-SS-<uuid>.gz` under the prefix of the oldest record's hour.
    """
    prefix = landing_prefix(oldest_record).removeprefix(RAW_PREFIX)
    return f"{prefix}{delivery_stream}-1-{oldest_record:%Y-%m-%d-%H-%M-%S}-{uuid5(NAMESPACE_URL, identity)}.gz"
