"""`hourly_traffic` → a few lines of text for a person: the first and last hours, and the sum of all."""

from typing import Final

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import LakeLocation
from contracts.tables import HOURLY_TRAFFIC

#: Of each end, if there are more than twice as many.
_SHOWN: Final = 12
_COUNTS: Final = ("events", "sessions_started", "searches", "views", "carts", "purchases", "revenue")
_HEADER: Final = ("hour (UTC)", *_COUNTS)


def hourly_totals(spark: SparkSession, lake: LakeLocation) -> str:
    """Return the table as text; users are left out, since they can't be summed over hours."""
    traffic = spark.table(lake.table(HOURLY_TRAFFIC.name))
    hours = traffic.select(F.date_format("event_hour", "yyyy-MM-dd HH:mm").alias("hour"), *_COUNTS).orderBy("hour")
    rows = hours.collect()
    if not rows:
        return "no event was received, so there is no hour to show"
    total = ["all", *(sum(row[name] for row in rows) for name in _COUNTS)]
    shown = rows if len(rows) <= 2 * _SHOWN else [*rows[:_SHOWN], None, *rows[-_SHOWN:]]
    return _table([_cells(row) for row in shown] + [[_cell(value) for value in total]])


def _cells(row: Row | None) -> list[str]:
    return ["…"] * len(_HEADER) if row is None else [_cell(value) for value in row]


def _cell(value: object) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _table(rows: list[list[str]]) -> str:
    """Return rows under the header, first column to the left, the others to the right, the last row set off."""
    table = [list(_HEADER), *rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(_HEADER))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table]
    rule = "─" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
