"""Clean events as literals, in a frame: what the tests of single daily tables start from."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)
from pyspark.sql.types import StructType

from contracts.tables import CLEAN_EVENTS
from spark_jobs.lake.types import struct_field

_COLUMNS: Final = (
    "event_time",
    "received_at",
    "user_id",
    "click_id",
    "event_name",
    "pixel_id",
    "product_id",
    "price",
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class CleanEvent:
    """A row of `clean_events`; what a test does not name is of no matter to it."""

    event_time: datetime
    user_id: str = "ann"
    click_id: str = "c"
    event_name: str = "Search"
    pixel_id: str | None = None
    product_id: str | None = None
    price: Decimal | None = None
    received_at: datetime | None = None


def at(day: date, clock: str) -> datetime:
    """Return a time of a day: `at(MONDAY, "23:59:59.999999")`."""
    return datetime.fromisoformat(f"{day}T{clock}+00:00")


def clean_events(spark: SparkSession, events: Iterable[CleanEvent]) -> DataFrame:
    """Return the events as a frame of the columns that the daily tables are made from."""
    rows = [
        tuple(
            event.event_time if name == "received_at" and event.received_at is None else getattr(event, name)
            for name in _COLUMNS
        )
        for event in events
    ]
    return spark.createDataFrame(rows, StructType([struct_field(CLEAN_EVENTS.column(name)) for name in _COLUMNS]))


def rows_of(frame: DataFrame, *columns: str) -> list[Row]:
    """Return these columns of each row, sorted, with times in UTC whatever this process's time zone is."""
    times = {field.name for field in frame.schema.fields if field.dataType.typeName() == "timestamp"}
    chosen = [F.unix_micros(name).alias(name) if name in times else F.col(name) for name in columns]
    rows = [row.asDict() for row in frame.select(chosen).collect()]
    return sorted((tuple(_value(row[name], name in times) for name in columns) for row in rows), key=repr)


def _value(value: Any, is_time: bool) -> Any:
    return _EPOCH + timedelta(microseconds=value) if is_time and value is not None else value
