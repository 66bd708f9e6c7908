"""Users' days and sessions → the figures of a day that its ledger row keeps."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """What a day came to; `users_fingerprint` is the same for the same set of users, and for no other."""

    events: int = 0
    users: int = 0
    sessions: int = 0
    users_fingerprint: str = ""


def day_figures(days_of_users: DataFrame, sessions: DataFrame, days: Collection[date]) -> dict[date, DayFigures]:
    """Return the figures of each of the days; collects one row per day."""
    users = days_of_users.groupBy("day").agg(
        F.sum("events").alias("events"), F.count("*").alias("users"), _fingerprint().alias("users_fingerprint")
    )
    starts = sessions.groupBy(F.to_date("session_start").alias("day")).agg(F.count("*").alias("sessions"))
    rows = users.join(starts, "day", "full").fillna(0).fillna("").collect()
    figures = {
        row.day: DayFigures(
            events=row.events, users=row.users, sessions=row.sessions, users_fingerprint=row.users_fingerprint
        )
        for row in rows
    }
    return {day: figures.get(day, DayFigures()) for day in days}


def _fingerprint() -> Column:
    """Return a hash of a set of users that does not depend on their order: each is hashed, and sums are order-free.

    Two 64-bit hashes with different seeds, so that sets that happen to agree in one sum differ in the other.
    """
    sums = (F.sum(F.xxhash64(F.lit(seed), "user_id").cast("decimal(20,0)")) for seed in (1, 2))
    return F.substring(F.sha2(F.concat_ws(" ", F.count("*"), *sums), 256), 1, 32)
