"""A lake → the raw objects that may hold a user: those that tables name, and those that no table knows yet.

An hour whose ledger is up to date has each of its lines in a table, so its rows say which objects hold the user. Of all
other hours (never transformed, or with objects that came later or were rewritten) every object has to be looked into.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime

from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import ERROR_PREFIX, HOUR, PartitionKeyError, landing_hour_of_key
from contracts.staleness import is_stale_landing_hour
from contracts.versions import RawObject
from spark_jobs.operations.erasure.sought_users import SoughtUsers
from spark_jobs.operations.erasure.users_rows import rejected_without_line, users_received, users_rejected
from spark_jobs.raw.lake_stores import raw_store
from spark_jobs.tables.ledger import LandingLedgerRow, read_landing_rows
from storage.by_hour import LandedObjects, all_landed_objects
from storage.object_store import ObjectStore, StoredObject


def named_objects(spark: SparkSession, lake: LakeLocation, users: SoughtUsers) -> set[str]:
    """Return the keys of the objects of which the tables say that they hold the users, or can't say that they don't."""
    return (
        users_received(spark, lake, users).keys
        | users_rejected(spark, lake, users).keys
        | rejected_without_line(spark, lake).keys
    )


def landing_hours_of(keys: Iterable[str]) -> set[datetime]:
    """Return the landing hours that objects lie under; error objects, and what lies elsewhere, have none."""
    hours = set()
    for key in keys:
        with suppress(PartitionKeyError):
            if not key.startswith(ERROR_PREFIX):
                hours.add(landing_hour_of_key(key))
    return hours


def objects_to_search(
    spark: SparkSession, lake: LakeLocation, store: ObjectStore, named: Collection[str]
) -> list[StoredObject]:
    """Return the current raw objects that are named, or that lie outside of what the tables were made from."""
    landed = all_landed_objects(raw_store(lake.raw_uri))
    rows = _ledger(spark, lake, landed)
    unknown = {
        raw_object.key
        for hour, objects in landed.items()
        if _is_outside_of_tables(lake, objects, rows.get(hour))
        for raw_object in objects
    }
    known = {raw_object.key for objects in landed.values() for raw_object in objects} - unknown - set(named)
    return [stored for stored in store.versions() if stored.current and stored.key not in known]


def outdated_hours(spark: SparkSession, lake: LakeLocation) -> set[datetime]:
    """Return the landing hours that the ledger knows with other objects than there are now.

    A run that was killed may have rewritten them, and even replaced their rows, but not said so in the ledger.
    """
    landed = all_landed_objects(raw_store(lake.raw_uri))
    rows = _ledger(spark, lake, landed)
    return {hour for hour, row in rows.items() if hour in landed and _is_outside_of_tables(lake, landed[hour], row)}


def _ledger(spark: SparkSession, lake: LakeLocation, landed: LandedObjects) -> dict[datetime, LandingLedgerRow]:
    rows = read_landing_rows(spark, lake, min(landed), max(landed) + HOUR) if landed else []
    return {row.landing_hour: row for row in rows}


def _is_outside_of_tables(lake: LakeLocation, objects: Collection[RawObject], row: LandingLedgerRow | None) -> bool:
    return is_stale_landing_hour(objects, row, settled=False, keep_ip_addresses=lake.keep_ip_addresses)
