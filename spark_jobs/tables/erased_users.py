"""`erased_users` → the hashes of ids that every transform refuses; written and lifted by `erase_user` only."""

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.tables import ERASED_USERS
from spark_jobs.tables.iceberg_table import current_snapshot
from spark_jobs.tables.schemas import struct_type


def read_erased_users(spark: SparkSession, lake: LakeLocation) -> frozenset[str]:
    """Return the hashes; where nobody was ever erased, that costs no Spark job."""
    if current_snapshot(spark, lake, ERASED_USERS) is None:
        return frozenset()
    rows = spark.table(lake.table(ERASED_USERS.name)).select("user_id_sha256").collect()
    return frozenset(row.user_id_sha256 for row in rows)


def add_erased_users(spark: SparkSession, lake: LakeLocation, hashes: Collection[str], erased_at: datetime) -> None:
    """Note users as erased; one who is noted already keeps the time of the first erasure."""
    new = sorted(set(hashes) - read_erased_users(spark, lake))
    if new:
        rows = [(user_hash, erased_at) for user_hash in new]
        frame = spark.createDataFrame(rows, struct_type(ERASED_USERS)).coalesce(1)
        frame.writeTo(lake.table(ERASED_USERS.name)).append()


def lift_erased_users(spark: SparkSession, lake: LakeLocation, hashes: Collection[str]) -> int:
    """Forget that users were erased, so that what they send from now on is received; return how many were noted."""
    noted = sorted(set(hashes) & read_erased_users(spark, lake))
    if noted:
        listed = ", ".join(f"'{user_hash}'" for user_hash in noted)
        spark.sql(f"DELETE FROM {lake.table(ERASED_USERS.name)} WHERE user_id_sha256 IN ({listed})")  # noqa: S608
    return len(noted)
