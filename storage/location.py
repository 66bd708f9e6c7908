"""A URI → the store of objects that it names."""

from storage.bucket import BucketStore
from storage.directory import DirectoryStore, local_directory
from storage.object_store import ObjectStore, StorageError, StoreUriError


def open_store(uri: str, *, error: type[StorageError] = StorageError, remedy: str = "") -> ObjectStore:
    """Return the store of `s3://bucket/prefix`, `file:/directory` or a directory; raise `StoreUriError` for others.

    `error` and `remedy` are what the store raises; see `ObjectStore`.
    """
    scheme, separator, rest = uri.partition("://")
    if separator and scheme == "s3":
        bucket, _, folder = rest.partition("/")
        if not bucket:
            raise StoreUriError(f"{uri!r} names no bucket; write s3://bucket/raw")
        prefix = folder.strip("/")
        return BucketStore(bucket=bucket, prefix=prefix + "/" if prefix else "", error=error, remedy=remedy)
    if not uri or (separator and scheme != "file"):
        raise StoreUriError(f"{uri!r} is neither a directory nor s3://bucket/raw")
    return DirectoryStore(directory=local_directory(uri), error=error, remedy=remedy)
