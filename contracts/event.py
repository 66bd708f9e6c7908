"""The event on the wire: its fields, limits and JSON Schemas.

Three readers share these declarations: the API's request validator (JSON Schema draft-04), the Spark job that judges
every line, and the simulator, which must know each way in which an event can be wrong.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

#: Part of every `input_version`: raise it when a change here alters what is received or rejected.
CONTRACT_VERSION: Final = 3

STANDARD_EVENTS: Final = ("Search", "ViewContent", "AddToCart", "Purchase")
EVENT_NAME_PATTERN: Final = r"^[A-Za-z][A-Za-z0-9_ .:-]{0,63}$"

_DATE: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME: Final = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
#: `YYYY-MM-DD HH:MM:SS[.f{1,6}]` without a zone, which means UTC.
PLAIN_TIMESTAMP_PATTERN: Final = rf"^{_DATE} {_TIME}(\.[0-9]{{1,6}})?$"
#: RFC 3339 with a zone, up to nanoseconds (digits after the sixth are cut).
RFC3339_TIMESTAMP_PATTERN: Final = rf"^{_DATE}[Tt ]{_TIME}(\.[0-9]{{1,9}})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"

ALLOWED_LATENESS: Final = timedelta(days=7)
ALLOWED_CLOCK_SKEW: Final = timedelta(minutes=5)

MAX_USER_ID_LENGTH: Final = 256
MAX_CLICK_ID_LENGTH: Final = 128
MAX_BATCH_EVENTS: Final = 500
#: Firehose's limit of a record, newline included (docs.aws.amazon.com/firehose/latest/dev/limits.html).
MAX_LINE_BYTES: Final = 1_000 * 1024
MAX_NESTING: Final = 64
#: `price` must be below this, so that it fits `decimal(18,2)`.
MAX_PRICE: Final = 10**16
#: An integral `product_id` beyond this loses digits in a JSON reader that uses doubles.
MAX_EXACT_INTEGER: Final = 2**53


@dataclass(frozen=True, kw_only=True)
class EventField:
    """One field of the event as the client sends it.

    `path` is dotted for a field of `additional_data`; `json_types` are JSON Schema type names. An optional field may be
    null, which is the same as absent.
    """

    path: str
    json_types: tuple[str, ...]
    required: bool = False
    description: str
    example: str


EVENT_FIELDS: Final = (
    EventField(
        path="timestamp",
        json_types=("string",),
        required=True,
        description="When it happened, by the client's clock: `YYYY-MM-DD HH:MM:SS[.ffffff]` (UTC) or RFC 3339 "
        "with a zone.",
        example='"2021-07-12 12:01:58.732726"',
    ),
    EventField(
        path="user_id",
        json_types=("string",),
        required=True,
        description=f"The visitor, 1–{MAX_USER_ID_LENGTH} characters; the stream's partition key.",
        example='"35"',
    ),
    EventField(
        path="click_id",
        json_types=("string",),
        required=True,
        description=f"Identifies the event, 1–{MAX_CLICK_ID_LENGTH} characters: the same one twice in an event hour "
        "is one event.",
        example='"a5cf179b9c9d483abf6d424d44a293be"',
    ),
    EventField(
        path="event_name",
        json_types=("string",),
        required=True,
        description="`Search`, `ViewContent`, `AddToCart`, `Purchase`, or a custom name "
        f"matching `{EVENT_NAME_PATTERN}`.",
        example='"Search"',
    ),
    EventField(
        path="pixel_id",
        json_types=("string",),
        description="The pixel (site) that sent the event.",
        example='"wjgao4w1oi"',
    ),
    EventField(
        path="insertion_timestamp",
        json_types=("string",),
        description="When the client put the event into its queue; a timestamp like `timestamp`.",
        example='"2021-07-12 12:01:58.732754"',
    ),
    EventField(
        path="user_ip",
        json_types=("string",),
        description="The visitor's address as the client knows it.",
        example='""',
    ),
    EventField(
        path="additional_data", json_types=("object",), description="Facts about the product looked at.", example="{…}"
    ),
    EventField(
        path="additional_data.time_on_data",
        json_types=("number",),
        description="Seconds spent on the item.",
        example="79",
    ),
    EventField(
        path="additional_data.percent_viewed",
        json_types=("number",),
        description="Share of the page seen, in percent.",
        example="39.7",
    ),
    EventField(
        path="additional_data.product_id",
        json_types=("string", "number"),
        description="The product: a string, or a whole number of at most 2^53, which becomes its digits.",
        example="557246",
    ),
    EventField(
        path="additional_data.price",
        json_types=("number",),
        description="Price of the item, rounded half up to two places; not negative, below 10^16.",
        example="417.97",
    ),
)

TOP_LEVEL_FIELDS: Final = tuple(field for field in EVENT_FIELDS if "." not in field.path)
ADDITIONAL_DATA_FIELDS: Final = tuple(field for field in EVENT_FIELDS if field.path.startswith("additional_data."))
REQUIRED_FIELDS: Final = tuple(field.path for field in EVENT_FIELDS if field.required)

JsonSchema = dict[str, Any]


def event_schema() -> JsonSchema:
    """JSON Schema (draft-04) of one event at the edge: required fields and types, the rest is judged by Spark."""
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "Event",
        "type": "object",
        "required": list(REQUIRED_FIELDS),
        "properties": {field.path: _top_level_property(field) for field in TOP_LEVEL_FIELDS},
    }


def batch_schema() -> JsonSchema:
    """JSON Schema (draft-04) of a batch: 1–500 objects that can be partitioned, so that one bad event fails alone."""
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "Batch",
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_BATCH_EVENTS,
        "items": {"type": "object", "required": ["user_id"], "properties": {"user_id": _USER_ID_SCHEMA}},
    }


_USER_ID_SCHEMA: Final[JsonSchema] = {"type": "string", "minLength": 1, "maxLength": MAX_USER_ID_LENGTH}


def _top_level_property(field: EventField) -> JsonSchema:
    if field.path == "user_id":
        return dict(_USER_ID_SCHEMA)
    schema = _typed(field)
    if field.path == "additional_data":
        schema["properties"] = {
            inner.path.removeprefix("additional_data."): _typed(inner) for inner in ADDITIONAL_DATA_FIELDS
        }
    return schema


def _typed(field: EventField) -> JsonSchema:
    types = list(field.json_types) if field.required else [*field.json_types, "null"]
    return {"type": types[0] if len(types) == 1 else types, "description": field.description}
