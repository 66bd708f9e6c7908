"""The tables of the lakehouse, each declared once: columns, types, partition, sort order, input window.

Spark schemas, the Iceberg tables, `docs/tables.md` and the tests' expectations are made from `TABLES`.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

#: Money is `decimal(18,2)`, and a sum of it `decimal(38,2)`, which no number of events can overflow.
ColumnType = Literal[
    "string",
    "binary",
    "timestamp",
    "date",
    "boolean",
    "bigint",
    "double",
    "decimal(18,2)",
    "decimal(38,2)",
    "array<string>",
    "map<string,bigint>",
]
Transform = Literal["identity", "hours", "days"]

#: Part of every event hour's `input_version`: raise it when the code that makes the tables changes their rows.
AGGREGATION_VERSION: Final = 1

#: A session is a user's events with gaps of at most this; its start needs this much of the hour before.
SESSION_GAP: Final = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: Spark SQL type, whether it may be null, and the one sentence that documents it."""

    name: str
    type: ColumnType
    nullable: bool = True
    description: str


@dataclass(frozen=True, kw_only=True)
class Partition:
    """An Iceberg partition field: a transform over a column."""

    column: str
    transform: Transform

    def __str__(self) -> str:
        return self.column if self.transform == "identity" else f"{self.transform}({self.column})"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table: what one row is, its columns, how it is partitioned and sorted within a partition.

    `input_before` is how much of the time before its own partition a row is made from.
    """

    name: str
    row_is: str
    made_from: str
    partitions: tuple[Partition, ...]
    sort: tuple[str, ...]
    columns: tuple[Column, ...]
    input_before: timedelta = timedelta(0)

    def column(self, name: str) -> Column:
        """Return a column by name; raise `KeyError` that names the table's columns."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}; it has {', '.join(c.name for c in self.columns)}")


def _required(name: str, type_: ColumnType, description: str) -> Column:
    return Column(name=name, type=type_, nullable=False, description=description)


def _optional(name: str, type_: ColumnType, description: str) -> Column:
    return Column(name=name, type=type_, description=description)


_LANDING_HOUR: Final = _required("landing_hour", "timestamp", "The hour in the S3 prefix that Firehose chose.")
_OBJECT_KEY: Final = _required("object_key", "string", "Key of the raw object that held the line.")
_EVENT_HOUR: Final = _required("event_hour", "timestamp", "The hour of `event_time`, UTC.")

_EVENT_COLUMNS: Final = (
    _required("event_time", "timestamp", "When it happened, by the client's clock, UTC."),
    _required("received_at", "timestamp", "When the API got it, by the server's clock, to the millisecond."),
    _required("user_id", "string", "The visitor."),
    _required("click_id", "string", "Identifies the event within its event hour."),
    _required("event_name", "string", "A standard event's name, or a custom one."),
    _optional("pixel_id", "string", "The pixel (site) that sent the event."),
    _optional("product_id", "string", "The product, a number having become its digits."),
    _optional("price", "decimal(18,2)", "Price of the item, rounded half up to two places."),
    _optional("time_on_data", "double", "Seconds spent on the item."),
    _optional("percent_viewed", "double", "Share of the page seen, in percent."),
    _optional("insertion_timestamp", "timestamp", "When the client queued the event."),
    _optional("user_ip", "string", "The visitor's address as the client knows it."),
    _optional("source_ip", "string", "The address that the request came from."),
    _optional("user_agent", "string", "The request's User-Agent header."),
    _optional("request_id", "string", "The API's id of the request; a batch shares one."),
    _optional("extra", "string", "JSON object of the fields that the contract does not know, nested as they came."),
)

RECEIVED_EVENTS: Final = Table(
    name="received_events",
    row_is="a valid event as received, typed, with its object's key",
    made_from="the raw objects of a landing hour",
    partitions=(
        Partition(column="landing_hour", transform="hours"),
        Partition(column="event_time", transform="hours"),
    ),
    sort=(),
    columns=(
        _LANDING_HOUR,
        *_EVENT_COLUMNS,
        _OBJECT_KEY,
        _required(
            "event_hash",
            "bigint",
            "Spark's xxhash64 of what `clean_events` keeps; breaks ties between copies of an event.",
        ),
    ),
)

REJECTED_EVENTS: Final = Table(
    name="rejected_events",
    row_is="a line that is not an event, byte for byte, with the reason",
    made_from="the raw objects of a landing hour",
    partitions=(Partition(column="landing_hour", transform="hours"),),
    sort=(),
    columns=(
        _LANDING_HOUR,
        _OBJECT_KEY,
        _required("rejection_reason", "string", "The first reason, of the closed list, that applies."),
        _required("detail", "string", "What was wrong, with the field and the value, for a person."),
        _optional("line", "binary", "The line without its newline, byte for byte; null for an unreadable object."),
        _optional("received_at", "timestamp", "The envelope's stamp, where it can be read."),
    ),
)

CLEAN_EVENTS: Final = Table(
    name="clean_events",
    row_is="an event, once",
    made_from="all `received_events` of that event hour",
    partitions=(Partition(column="event_time", transform="hours"),),
    sort=("user_id", "event_time"),
    columns=_EVENT_COLUMNS,
)

HOURLY_EVENT_COUNTS: Final = Table(
    name="hourly_event_counts",
    row_is="an event name within an event hour",
    made_from="`clean_events`",
    partitions=(Partition(column="event_hour", transform="days"),),
    sort=("event_hour", "event_name"),
    columns=(
        _EVENT_HOUR,
        _required("event_name", "string", "A standard event's name, or a custom one."),
        _required("events", "bigint", "Events of that name."),
        _required("users", "bigint", "Distinct users with such an event; not a sum over names or hours."),
    ),
)

HOURLY_TRAFFIC: Final = Table(
    name="hourly_traffic",
    row_is="an event hour with events",
    made_from="`clean_events` of the hour and of the 30 minutes before it",
    partitions=(Partition(column="event_hour", transform="days"),),
    sort=("event_hour",),
    input_before=SESSION_GAP,
    columns=(
        _EVENT_HOUR,
        _required("events", "bigint", "Events of any name."),
        _required("users", "bigint", "Distinct users; not a sum over hours."),
        _required("sessions_started", "bigint", "Sessions whose first event lies in the hour (gap over 30 minutes)."),
        _required("searches", "bigint", "`Search` events."),
        _required("views", "bigint", "`ViewContent` events."),
        _required("carts", "bigint", "`AddToCart` events."),
        _required("purchases", "bigint", "`Purchase` events."),
        _required("revenue", "decimal(38,2)", "Sum of the prices of purchases."),
        _required("purchases_without_price", "bigint", "Purchases that carry no price, and so no revenue."),
    ),
)

HOURLY_PRODUCT_STATS: Final = Table(
    name="hourly_product_stats",
    row_is="a product with a view, cart or purchase within an event hour",
    made_from="`clean_events`",
    partitions=(Partition(column="event_hour", transform="days"),),
    sort=("event_hour", "product_id"),
    columns=(
        _EVENT_HOUR,
        _required("product_id", "string", "The product."),
        _required("views", "bigint", "`ViewContent` events of the product."),
        _required("carts", "bigint", "`AddToCart` events of the product."),
        _required("purchases", "bigint", "`Purchase` events of the product."),
        _required("revenue", "decimal(38,2)", "Sum of the prices of its purchases."),
    ),
)

LANDING_LEDGER: Final = Table(
    name="landing_ledger",
    row_is="a landing hour, as its last transform left it (stage 1); lines = received + rejected",
    made_from="each run of `transform_events`",
    partitions=(Partition(column="landing_hour", transform="days"),),
    sort=("landing_hour",),
    columns=(
        _LANDING_HOUR,
        _required("input_version", "string", "Hash of the sorted (key, etag, size) and the contract's version."),
        _required("settled", "boolean", "False if the hour was still open, and so will be transformed again."),
        _required("objects", "array<string>", "Keys of the raw objects, sorted; history is never replaced by fewer."),
        _required("unreadable_objects", "bigint", "Of these, how many could not be read."),
        _required("bytes", "bigint", "Compressed size of the objects."),
        _required("lines", "bigint", "Lines read."),
        _required("received", "bigint", "Lines that became a row of `received_events`."),
        _required("rejected", "bigint", "Lines that became a row of `rejected_events`."),
        _required("rejected_by_reason", "map<string,bigint>", "Rejection reason → lines."),
        _required("received_by_event_hour", "map<string,bigint>", "Key of an event hour (2026-11-22T10) → rows."),
    ),
)

EVENT_LEDGER: Final = Table(
    name="event_ledger",
    row_is="an event hour, as its last aggregation left it (stage 2); received = clean + duplicates",
    made_from="each run of `aggregate_hour`",
    partitions=(Partition(column="event_hour", transform="days"),),
    sort=("event_hour",),
    columns=(
        _EVENT_HOUR,
        _required("input_version", "string", "Hash of the landing hours' versions that it was made from."),
        _required("received", "bigint", "Rows of `received_events` of the hour."),
        _required("clean", "bigint", "Rows of `clean_events`."),
        _required("duplicates", "bigint", "Received rows that repeat a `click_id` of the hour."),
    ),
)

TABLES: Final = (
    RECEIVED_EVENTS,
    REJECTED_EVENTS,
    CLEAN_EVENTS,
    HOURLY_EVENT_COUNTS,
    HOURLY_TRAFFIC,
    HOURLY_PRODUCT_STATS,
    LANDING_LEDGER,
    EVENT_LEDGER,
)


def table_named(name: str) -> Table:
    """Return a declared table; raise `KeyError` that names the known ones."""
    for table in TABLES:
        if table.name == name:
            return table
    raise KeyError(f"no table is named {name!r}; the tables are {', '.join(t.name for t in TABLES)}")
