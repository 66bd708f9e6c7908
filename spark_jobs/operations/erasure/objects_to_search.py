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
from spark_jobs.operations.erasure.places import Place, StoredObject
from spark_jobs.operations.erasure.sought_users import SoughtUsers
from spark_jobs.operations.erasure.users_rows import rejected_without_line, users_received, users_rejected
from spark_jobs.raw.raw_objects import LandedObjects, all_landed_objects, raw_store
from spark_jobs.tables.ledger import read_landing_rows


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
    spark: SparkSession, lake: LakeLocation, place: Place, named: Collection[str]
) -> list[StoredObject]:
    """Return the current raw objects that are named, or that lie outside of what the tables were made from."""
    landed = all_landed_objects(raw_store(lake.raw_uri))
    unknown = {raw_object.key for raw_object in _outside_of_tables(spark, lake, landed)}
    known = {raw_object.key for objects in landed.values() for raw_object in objects} - unknown - set(named)
    return [stored for stored in place.stored() if stored.current and stored.key not in known]


def _outside_of_tables(spark: SparkSession, lake: LakeLocation, landed: LandedObjects) -> list[RawObject]:
    if not landed:
        return []
    rows = {row.landing_hour: row for row in read_landing_rows(spark, lake, min(landed), max(landed) + HOUR)}
    return [
        raw_object
        for hour, objects in landed.items()
        if is_stale_landing_hour(objects, rows.get(hour), settled=False, keep_ip_addresses=lake.keep_ip_addresses)
        for raw_object in objects
    ]
