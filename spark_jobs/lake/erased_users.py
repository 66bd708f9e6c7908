"""`erased_users`: hashes of the ids that every transform refuses. `erase_user` alone writes and removes them."""

from collections.abc import Collection
from datetime import datetime

from contracts.tables import ERASED_USERS
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.types import struct_type


def read_erased_users(lake: Lake) -> frozenset[str]:
    """Return the hashes; where no user was ever erased, that costs no Spark job."""
    if lake.snapshot(ERASED_USERS) is None:
        return frozenset()
    return frozenset(row.user_id_sha256 for row in lake.read(ERASED_USERS).select("user_id_sha256").collect())


def add_erased_users(lake: Lake, hashes: Collection[str], erased_at: datetime) -> None:
    """Note users as erased; one who is noted already keeps the time of the first erasure."""
    new = sorted(set(hashes) - read_erased_users(lake))
    if new:
        rows = [(user_hash, erased_at) for user_hash in new]
        frame = lake.spark.createDataFrame(rows, struct_type(ERASED_USERS)).coalesce(1)
        frame.writeTo(lake.name(ERASED_USERS)).append()


def lift_erased_users(lake: Lake, hashes: Collection[str]) -> int:
    """Remove the note that users were erased, so that their next events are received; return how many were noted."""
    noted = sorted(set(hashes) & read_erased_users(lake))
    if noted:
        listed = ", ".join(f"'{user_hash}'" for user_hash in noted)
        lake.spark.sql(f"DELETE FROM {lake.name(ERASED_USERS)} WHERE user_id_sha256 IN ({listed})")  # noqa: S608
    return len(noted)
