"""Tables of events: as received, rejected, and clean."""

from collections.abc import Mapping
from typing import Final

from contracts.envelope import STAMPED_FIELDS
from contracts.event import VALUE_FIELDS, Kind
from contracts.rules import BOT_EVENTS_AT_ONCE, BOT_EVENTS_PER_HOUR, BOT_INSTANT
from contracts.tables.declaration import Column, ColumnType, Partition, Table, optional, required

LANDING_HOUR: Final = required("landing_hour", "timestamp", "The hour in the S3 prefix that Firehose chose.")
_OBJECT_KEY: Final = required("object_key", "string", "Key of the raw object that held the line.")

_COLUMN_TYPES: Final[Mapping[Kind, ColumnType]] = {
    Kind.TEXT: "string",
    Kind.ID: "string",
    Kind.URL: "string",
    Kind.ADDRESS: "string",
    Kind.CURRENCY: "string",
    Kind.EVENT_NAME: "string",
    Kind.TIME: "timestamp",
    Kind.MILLISECONDS: "timestamp",
    Kind.NUMBER: "double",
    Kind.MONEY: "decimal(18,2)",
}

_FIELDS: Final = (*VALUE_FIELDS, *STAMPED_FIELDS)
_EXTRA: Final = optional(
    "extra",
    "string",
    "JSON object of the fields that the contract does not know or could not read, nested as they came.",
)

#: What validation finds out about an event.
_FOUND_OUT: Final = (
    optional("sent_event_name", "string", "The name as the client sent it, where `event_name` is another."),
    optional(
        "clock_corrected",
        "boolean",
        "Whether the client's clock was wrong by more than the allowed skew, by `sent_at`, so that `event_time` is "
        "`received_at` - (`sent_at` - `timestamp`).",
    ),
    optional(
        "unread_fields",
        "array<string>",
        "The optional fields whose values could not be read, and so are null here; the values are in `extra`, but for "
        "addresses. Null where all could.",
    ),
)

#: The order of the columns with which the tables were first created. The column of a field that was declared later
#: follows them, as Iceberg adds it; it needs no entry here.
_FIRST_COLUMNS: Final = (
    *("event_time", "received_at", "user_id", "click_id", "event_name", "pixel_id", "product_id", "price"),
    *("time_on_data", "percent_viewed", "insertion_timestamp", "user_ip", "source_ip", "user_agent", "request_id"),
    "extra",
)


def _event_columns() -> tuple[Column, ...]:
    """Return a column for each field, `extra` and what is found out; raise `ValueError` if two have one name."""
    declared = (
        Column(
            name=field.column,
            type=_COLUMN_TYPES[field.kind],
            nullable=not field.required,
            description=field.column_description,
        )
        for field in _FIELDS
    )
    by_name: dict[str, Column] = {}
    for column in (*declared, _EXTRA, *_FOUND_OUT):
        if by_name.setdefault(column.name, column) is not column:
            raise ValueError(f"two fields become the column {column.name!r}; give one of them another `column`")
    return tuple(by_name[name] for name in dict.fromkeys((*_FIRST_COLUMNS, *by_name)))


#: What is kept of an event from `received_events` to `clean_events`.
EVENT_COLUMNS: Final = _event_columns()

#: The columns, of any table, whose values tell who somebody is. `extra`, a rejected `line` and the `detail` about it
#: may hold any value of an event.
PERSONAL_COLUMNS: Final = frozenset({"extra", "line", "detail", *(field.column for field in _FIELDS if field.personal)})

RECEIVED_EVENTS: Final = Table(
    name="received_events",
    row_is="a valid event as received, typed, with its object's key",
    made_from="the raw objects of a landing hour",
    partitions=(
        Partition(column="landing_hour", transform="hours"),
        Partition(column="in_landing_hour", transform="identity"),
        Partition(column="event_time", transform="days"),
    ),
    sort=(),
    columns=(
        LANDING_HOUR,
        required(
            "in_landing_hour", "boolean", "Whether it happened in the hour in which it landed, as most events do."
        ),
        *EVENT_COLUMNS,
        _OBJECT_KEY,
    ),
)

REJECTED_EVENTS: Final = Table(
    name="rejected_events",
    row_is="a line that is not an event, byte for byte, with the reason",
    made_from="the raw objects of a landing hour",
    partitions=(Partition(column="landing_hour", transform="hours"),),
    sort=(),
    columns=(
        LANDING_HOUR,
        _OBJECT_KEY,
        required("rejection_reason", "string", "The first reason, of the closed list, that applies."),
        required("detail", "string", "What was wrong, with the field and the value, for a person."),
        optional(
            "line",
            "binary",
            "The line without its newline, byte for byte but for truncated IP addresses; null for an unreadable object "
            "or an erased user.",
        ),
        optional("received_at", "timestamp", "The envelope's stamp, where it can be read."),
    ),
)

CLEAN_EVENTS: Final = Table(
    name="clean_events",
    row_is="an event, once",
    made_from="all `received_events` of that event hour",
    partitions=(Partition(column="event_time", transform="hours"),),
    sort=("user_id", "event_time"),
    columns=(
        *EVENT_COLUMNS,
        required("is_bot", "boolean", "Whether a bot sent it, by one of the first three reasons; the event is kept."),
        required(
            "bot_reasons",
            "array<string>",
            "Those that apply of `crawler_user_agent` (the header is a known crawler's), `rate` (more than "
            f"{BOT_EVENTS_PER_HOUR:,} clean events of the user within the event hour), `instant` (more than "
            f"{BOT_EVENTS_AT_ONCE:,}, all within less than {BOT_INSTANT.seconds} second) and, which make no bot "
            "by themselves, `http_client` (the header is that of a proxy, an HTTP library, a shop's server or a "
            "program that `CLICKSTREAM_NOT_BOTS` names) and `no_user_agent` (a request came with an address, but "
            "without the header).",
        ),
    ),
)
