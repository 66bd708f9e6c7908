"""Tables of events: as received, rejected, and clean."""

from typing import Final

from contracts.bots import BOT_EVENTS_PER_HOUR
from contracts.tables.declaration import Partition, Table, optional, required

LANDING_HOUR: Final = required("landing_hour", "timestamp", "The hour in the S3 prefix that Firehose chose.")
_OBJECT_KEY: Final = required("object_key", "string", "Key of the raw object that held the line.")

#: What is kept of an event from `received_events` to `clean_events`.
EVENT_COLUMNS: Final = (
    required("event_time", "timestamp", "When it happened, by the client's clock, UTC."),
    required("received_at", "timestamp", "When the API got it, by the server's clock, to the millisecond."),
    required("user_id", "string", "The visitor."),
    required("click_id", "string", "Identifies the event within its event hour."),
    required("event_name", "string", "A standard event's name, or a custom one."),
    optional("pixel_id", "string", "The pixel (site) that sent the event."),
    optional("product_id", "string", "The product, a number having become its digits."),
    optional("price", "decimal(18,2)", "Price of the item, rounded half up to two places."),
    optional("time_on_data", "double", "Seconds spent on the item."),
    optional("percent_viewed", "double", "Share of the page seen, in percent."),
    optional("insertion_timestamp", "timestamp", "When the client queued the event."),
    optional("user_ip", "string", "The visitor's address, by the client, truncated to /24 or /48 (docs/privacy.md)."),
    optional("source_ip", "string", "The address that the request came from, truncated likewise."),
    optional("user_agent", "string", "The request's User-Agent header."),
    optional("request_id", "string", "The API's id of the request; a batch shares one."),
    optional("extra", "string", "JSON object of the fields that the contract does not know, nested as they came."),
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
        LANDING_HOUR,
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
        required("is_bot", "boolean", "Whether a bot sent it, by one of the reasons; the event is kept all the same."),
        required(
            "bot_reasons",
            "array<string>",
            "Those that apply of `crawler_user_agent` (the header is a known crawler's) and `rate` (more than "
            f"{BOT_EVENTS_PER_HOUR:,} clean events of the user within the event hour).",
        ),
    ),
)
