"""The event on the wire: its fields, limits and JSON Schemas.

These declarations are shared by the API's request validator (JSON Schema draft-04), the Spark job that validates every
line, the tables whose columns the fields become, and the simulator, which must know each way in which an event can be
wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from contracts.rejections import RejectionReason

#: Part of every `input_version`: raise it when a change here alters what is received or rejected.
CONTRACT_VERSION: Final = 5

#: The steps of the funnel, in order.
FUNNEL_EVENTS: Final = ("Search", "ViewContent", "AddToCart", "Purchase")
#: The shop gives money back: the event's price is that amount.
REFUND: Final = "Refund"
STANDARD_EVENTS: Final = (*FUNNEL_EVENTS, REFUND)

MAX_EVENT_NAME_LENGTH: Final = 128
MAX_USER_ID_LENGTH: Final = 256
MAX_CLICK_ID_LENGTH: Final = 128
#: Longer addresses of pages are cut by browsers and servers, too (RFC 9110 asks for 8,000 at least).
MAX_URL_LENGTH: Final = 8_192
MAX_CAMPAIGN_LENGTH: Final = 256
MAX_BATCH_EVENTS: Final = 500
#: Firehose's limit of a record, newline included (docs.aws.amazon.com/firehose/latest/dev/limits.html).
MAX_LINE_BYTES: Final = 1_000 * 1024
MAX_NESTING: Final = 64
#: `price` must be below this, so that it fits `decimal(18,2)`.
MAX_PRICE: Final = 10**16
#: A whole number that is written with a point or an exponent is a text up to this, beyond which doubles lose digits.
MAX_EXACT_INTEGER: Final = 2**53


class Kind(StrEnum):
    """What the values of a field are: which JSON types carry them, and why a value of the right type may be rejected.

    The type of a kind's column is declared in `contracts/tables/events.py`, its rules in Python in
    `spark_jobs/validation/line.py` and in SQL in `sql_rules.py` and `template_rules.py` beside it.
    """

    json_types: tuple[str, ...]
    reason: RejectionReason

    def __new__(
        cls, value: str, json_types: tuple[str, ...], reason: RejectionReason = RejectionReason.WRONG_TYPE
    ) -> "Kind":
        member = str.__new__(cls, value)
        member._value_ = value
        member.json_types = json_types
        member.reason = reason
        return member

    #: A string, or a whole number, which becomes its digits. Its length may be limited.
    TEXT = "text", ("string", "number")
    #: Identifies a person, an event or a request; a text otherwise.
    ID = "id", ("string", "number")
    #: The address of a page, of which the tables keep what stands before the query (`contracts/privacy.py`).
    URL = "url", ("string",)
    #: An IP address, of which the tables keep the first bits (`contracts/privacy.py`).
    ADDRESS = "address", ("string",)
    #: The three letters of ISO 4217, in upper case.
    CURRENCY = "currency", ("string",)
    #: 1 to `MAX_EVENT_NAME_LENGTH` characters of any script, without control characters; blanks around it do not count.
    EVENT_NAME = "event_name", ("string",), RejectionReason.INVALID_EVENT_NAME
    #: Text or number in one of the forms of `contracts/timestamps.py`.
    TIME = "time", ("string", "number"), RejectionReason.INVALID_TIMESTAMP
    #: Whole epoch milliseconds, as the edge stamps them; only the envelope has it.
    MILLISECONDS = "milliseconds", ("number",)
    #: A finite double; a text that is a JSON number is that number.
    NUMBER = "number", ("number", "string")
    #: A number at least 0 and below `MAX_PRICE`, rounded half up to two places. Of a `Refund` it may have either sign:
    #: some clients write what was given back, others what the shop lost.
    MONEY = "money", ("number", "string")
    #: An object whose members are fields of their own; it has no column.
    OBJECT = "object", ("object",)


@dataclass(frozen=True, kw_only=True)
class EventField:
    """One field of the event as the client sends it, or of the envelope around it.

    `path` is dotted for a field of `additional_data`. An optional field may be null or an empty text; both are the same
    as absent. The value becomes the column of the path's last name, with the field's description, unless the
    declaration names another.

    A value that breaks the rule of its kind costs an optional field alone: the column is null, `unread_fields` has the
    path, and the value stays in `extra` unless the kind is one that the tables keep in part. In a required field it
    costs the event, by `reason`. `max_length` limits a text, in characters. `stand_in` names the optional field whose
    value is taken where a required one is absent. `personal` says that values tell who somebody is, as those of every
    `ID` and `ADDRESS` do.
    """

    path: str
    kind: Kind
    required: bool = False
    description: str
    example: str = ""
    column: str = ""
    column_description: str = ""
    reason: RejectionReason = RejectionReason.WRONG_TYPE
    max_length: int | None = None
    stand_in: str = ""
    personal: bool = False
    #: The field's name within its object.
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.path.rpartition(".")[2])
        object.__setattr__(self, "column", self.column or self.name)
        object.__setattr__(self, "column_description", self.column_description or self.description)
        if self.reason is RejectionReason.WRONG_TYPE:
            object.__setattr__(self, "reason", self.kind.reason)
        object.__setattr__(self, "personal", self.personal or self.kind in (Kind.ID, Kind.ADDRESS))
        if self.max_length is not None and self.kind not in (Kind.TEXT, Kind.ID, Kind.URL):
            raise ValueError(f"{self.path} has a max_length, which is for texts; it is of kind {self.kind}")

    @property
    def json_types(self) -> tuple[str, ...]:
        """Return the JSON Schema names of the types that a value may have."""
        return self.kind.json_types


#: The one object within an event; its fields are declared beside it.
ADDITIONAL_DATA: Final = "additional_data"

#: Every field of the event, declared once. To add an optional field, add it here and run `make docs`: the API's schema,
#: the validation of lines, the tables' columns and the reference pages are made from this list.
EVENT_FIELDS: Final = (
    EventField(
        path="timestamp",
        kind=Kind.TIME,
        required=True,
        description="When it happened, by the client's clock.",
        example='"2021-07-12 12:01:58.732726"',
        column="event_time",
        column_description="When it happened, by the client's clock or by a corrected one, UTC.",
    ),
    EventField(
        path="user_id",
        kind=Kind.ID,
        required=True,
        stand_in="anonymous_id",
        description=f"The visitor, 1–{MAX_USER_ID_LENGTH} characters; the stream's partition key. Where it is absent, "
        "`anonymous_id` stands in.",
        example='"35"',
        column_description="The visitor; `anonymous_id` where the event has no `user_id`.",
        reason=RejectionReason.INVALID_USER_ID,
        max_length=MAX_USER_ID_LENGTH,
    ),
    EventField(
        path="click_id",
        kind=Kind.ID,
        required=True,
        description=f"Identifies the event, 1–{MAX_CLICK_ID_LENGTH} characters, such as a UUID: the same one twice in "
        "an event hour is one event, whoever sent it.",
        example='"a5cf179b9c9d483abf6d424d44a293be"',
        column_description="Identifies the event within its event hour.",
        reason=RejectionReason.INVALID_CLICK_ID,
        max_length=MAX_CLICK_ID_LENGTH,
    ),
    EventField(
        path="event_name",
        kind=Kind.EVENT_NAME,
        required=True,
        description=f"{', '.join(f'`{name}`' for name in STANDARD_EVENTS)}, a name that stands for one of these, or a "
        f"custom name: 1–{MAX_EVENT_NAME_LENGTH} characters without control characters.",
        example='"Search"',
        column_description="A standard event's name, or a custom one.",
    ),
    EventField(
        path="pixel_id",
        kind=Kind.TEXT,
        description="The pixel (site) that sent the event.",
        example='"wjgao4w1oi"',
    ),
    EventField(
        path="insertion_timestamp",
        kind=Kind.TIME,
        description="When the client put the event into its queue; a timestamp like `timestamp`.",
        example='"2021-07-12 12:01:58.732754"',
        column_description="When the client queued the event.",
    ),
    EventField(
        path="sent_at",
        kind=Kind.TIME,
        description="When the client sent the event, by the same clock as `timestamp`, anew with each try. It shows "
        "whether that clock is wrong.",
        example='"2021-07-12T12:02:01.402Z"',
        column_description="When the client sent the event, by its own clock.",
    ),
    EventField(
        path="anonymous_id",
        kind=Kind.ID,
        description=f"The browser or device, 1–{MAX_USER_ID_LENGTH} characters, also of a visitor who is not known by "
        "a `user_id`.",
        example='"b7c1f0a2-4a39-4d0e-9d5c-0d6f3f1f7f10"',
        column_description="The browser or device.",
        max_length=MAX_USER_ID_LENGTH,
    ),
    EventField(
        path="user_ip",
        kind=Kind.ADDRESS,
        description="The visitor's address as the client knows it.",
        example='""',
        column_description="The visitor's address, by the client, truncated to /24 or /48 (docs/privacy.md).",
    ),
    EventField(
        path="page_url",
        kind=Kind.URL,
        description=f"The page's address, at most {MAX_URL_LENGTH:,} characters.",
        example='"https://shop.example/shoes?color=red"',
        column_description="The page's address without its query and fragment (docs/privacy.md).",
        max_length=MAX_URL_LENGTH,
    ),
    EventField(
        path="referrer",
        kind=Kind.URL,
        description=f"The address of the page before, at most {MAX_URL_LENGTH:,} characters.",
        example='"https://search.example/?q=shoes"',
        column_description="The address of the page before, without its query and fragment (docs/privacy.md).",
        max_length=MAX_URL_LENGTH,
    ),
    EventField(
        path="utm_source",
        kind=Kind.TEXT,
        description="The campaign's source, by the link that was followed.",
        example='"newsletter"',
        max_length=MAX_CAMPAIGN_LENGTH,
    ),
    EventField(
        path="utm_medium",
        kind=Kind.TEXT,
        description="The campaign's medium.",
        example='"email"',
        max_length=MAX_CAMPAIGN_LENGTH,
    ),
    EventField(
        path="utm_campaign",
        kind=Kind.TEXT,
        description="The campaign.",
        example='"spring"',
        max_length=MAX_CAMPAIGN_LENGTH,
    ),
    EventField(
        path="currency",
        kind=Kind.CURRENCY,
        description="The currency of `price`, by ISO 4217; without it a price is in the shop's.",
        example='"EUR"',
    ),
    EventField(path=ADDITIONAL_DATA, kind=Kind.OBJECT, description="Facts about the product looked at.", example="{…}"),
    EventField(
        path="additional_data.time_on_data",
        kind=Kind.NUMBER,
        description="Seconds spent on the item.",
        example="79",
    ),
    EventField(
        path="additional_data.percent_viewed",
        kind=Kind.NUMBER,
        description="Share of the page seen, in percent.",
        example="39.7",
    ),
    EventField(
        path="additional_data.product_id",
        kind=Kind.TEXT,
        description="The product: a string, or a whole number, which becomes its digits.",
        example="557246",
        column_description="The product, a number having become its digits.",
    ),
    EventField(
        path="additional_data.price",
        kind=Kind.MONEY,
        description="Price of the item, rounded half up to two places; not negative, below 10^16. Of a `Refund` the "
        "amount given back, with either sign.",
        example="417.97",
        column_description="Price of the item, rounded half up to two places; of a `Refund` the amount given back.",
    ),
)

TOP_LEVEL_FIELDS: Final = tuple(field for field in EVENT_FIELDS if "." not in field.path)
ADDITIONAL_DATA_FIELDS: Final = tuple(field for field in EVENT_FIELDS if "." in field.path)
#: The fields that have a value of their own, and so a column.
VALUE_FIELDS: Final = tuple(field for field in EVENT_FIELDS if field.kind is not Kind.OBJECT)
REQUIRED_FIELDS: Final = tuple(field.path for field in EVENT_FIELDS if field.required)


def missing_field(event: Mapping[str, object]) -> str | None:
    """Return the first required field that is absent or null, without one that stands in for it; None if none is."""
    for required in EVENT_FIELDS:
        names = (required.path, required.stand_in) if required.stand_in else (required.path,)
        if required.required and all(event.get(name) is None for name in names):
            return required.path
    return None


JsonSchema = dict[str, Any]
_DRAFT_04: Final = "http://json-schema.org/draft-04/schema#"


def event_schema() -> JsonSchema:
    """JSON Schema (draft-04) of an event's required fields and types, for clients; Spark validates the rest."""
    return {
        "$schema": _DRAFT_04,
        "title": "Event",
        "type": "object",
        "required": [field.path for field in EVENT_FIELDS if field.required and not field.stand_in],
        "allOf": [
            {"anyOf": [{"required": [field.path]}, {"required": [field.stand_in]}]}
            for field in EVENT_FIELDS
            if field.stand_in
        ],
        "properties": {field.path: _top_level_property(field) for field in TOP_LEVEL_FIELDS},
    }


def single_schema() -> JsonSchema:
    """JSON Schema (draft-04) of the body of `POST /events`: what is no array, which is a batch, is one event.

    What is wrong with an event is said by `rejected_events`, for both routes alike (docs/adr/011).
    """
    return {
        "$schema": _DRAFT_04,
        "title": "Event",
        "type": ["object", "string", "number", "boolean", "null"],
    }


def batch_schema() -> JsonSchema:
    """JSON Schema (draft-04) of the body of `POST /events/batch`: an array of 1–500, whatever its elements are."""
    return {"$schema": _DRAFT_04, "title": "Batch", "type": "array", "minItems": 1, "maxItems": MAX_BATCH_EVENTS}


def _top_level_property(field: EventField) -> JsonSchema:
    schema = _typed(field)
    if field.path == ADDITIONAL_DATA:
        schema["properties"] = {inner.name: _typed(inner) for inner in ADDITIONAL_DATA_FIELDS}
    return schema


def _typed(field: EventField) -> JsonSchema:
    types = list(field.json_types) if field.required else [*field.json_types, "null"]
    schema: JsonSchema = {"type": types[0] if len(types) == 1 else types, "description": field.description}
    if field.max_length is not None:
        schema |= {"minLength": int(field.required), "maxLength": field.max_length}
    return schema
