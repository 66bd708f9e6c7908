"""A lake's location → the stores of its objects; what fails in them is a `RawStoreError`."""

from dataclasses import dataclass

from contracts.names import LakeLocation
from contracts.partitions import ERROR_PREFIX
from spark_jobs.errors import RawStoreError
from storage.location import open_store
from storage.object_store import ObjectStore, StoreUriError


def raw_store(raw_uri: str) -> ObjectStore:
    """Return the store of raw objects; raise `RawStoreError` for a URI that names none."""
    return _opened(raw_uri, "transform its hour again")


@dataclass(frozen=True, kw_only=True)
class LakeStores:
    """Everything that a lake stores; Firehose's error objects lie beside the raw ones."""

    raw: ObjectStore
    errors: ObjectStore
    warehouse: ObjectStore


def lake_stores(lake: LakeLocation) -> LakeStores:
    """Return the stores of a lake for an erasure; raise `RawStoreError` for a URI that names none."""
    raw, warehouse = (_opened(uri, "run the erasure again") for uri in (lake.raw_uri, lake.warehouse_uri))
    return LakeStores(raw=raw, errors=raw.beside(ERROR_PREFIX), warehouse=warehouse)


def _opened(uri: str, remedy: str) -> ObjectStore:
    try:
        return open_store(uri, error=RawStoreError, remedy=remedy)
    except StoreUriError as error:
        raise RawStoreError(str(error)) from None
