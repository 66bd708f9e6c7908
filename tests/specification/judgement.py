"""A line → an event as received, or the first reason, in the order of this module, why it is none."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.specification import fields
from tests.specification.addresses import truncated
from tests.specification.json_values import Number, Object, Value, parse
from tests.specification.timestamps import moment

MARK = "\ufeff".encode()  # a byte order mark before a line's JSON is no part of it
LONGEST_LINE = 1_000 * 1024  # bytes, with its newline
DEEPEST = 64
LAST_MILLISECOND = 253_402_300_799_999  # of the year 9999
LONGEST_USER_ID = 256
LONGEST_CLICK_ID = 128
EVENT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ .:-]{0,63}")
ALLOWED_LATENESS = timedelta(days=7)
ALLOWED_SKEW = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STAMPS = ("request_id", "source_ip", "user_agent")


@dataclass(frozen=True, kw_only=True)
class Event:
    """What `clean_events` keeps of an event."""

    event_time: datetime
    received_at: datetime
    user_id: str
    click_id: str
    event_name: str
    pixel_id: str | None
    product_id: str | None
    price: Decimal | None
    time_on_data: float | None
    percent_viewed: float | None
    insertion_timestamp: datetime | None
    user_ip: str | None
    source_ip: str | None
    user_agent: str | None
    request_id: str | None
    extra: str | None


@dataclass(frozen=True)
class Rejection:
    """A reason, and the envelope's stamp, where it could be read."""

    reason: str
    received_at: datetime | None = None


def judge(line: bytes) -> Event | Rejection:
    """What becomes of a line."""
    if len(line) + 1 > LONGEST_LINE:
        return Rejection("too_large")
    json = parse(line.removeprefix(MARK))
    if json is None:
        return Rejection("not_json")
    if json.depth > DEEPEST:
        return Rejection("too_deep")
    envelope = json.value
    received_at = _received_at(envelope)
    if not isinstance(envelope, Object) or received_at is None:
        return Rejection("not_an_envelope")
    event = envelope.get("event")
    if event is None and "too_large" in envelope.names:
        return Rejection("too_large", received_at)  # the edge could not store the event, and says so
    if not isinstance(event, Object):
        return Rejection("not_an_object", received_at)
    judged = _event(event, envelope, received_at)
    return Rejection(judged, received_at) if isinstance(judged, str) else judged


def _received_at(envelope: Value) -> datetime | None:
    """The stamp of an envelope: it has each name once, an integer `received_at`, `event`, and its stamps are text."""
    if not isinstance(envelope, Object) or envelope.has_repeated_names() or "event" not in envelope.names:
        return None
    if not isinstance(envelope.get("event"), Object) and all(
        envelope.get(name) is not None for name in fields.REQUIRED
    ):
        return None  # an event without an envelope, which has an `event` of its own
    if any(not isinstance(envelope.get(name), str | None) for name in STAMPS):
        return None
    stamp = envelope.get("received_at")
    if not isinstance(stamp, Number) or not stamp.is_integer or not 0 <= stamp.double <= LAST_MILLISECOND:
        return None
    return EPOCH + timedelta(milliseconds=int(stamp.spelling))


def _event(event: Object, envelope: Object, received_at: datetime) -> Event | str:
    """The event, or the first reason."""
    data = event.get("additional_data")
    additional = data if isinstance(data, Object) else Object(())
    reason = _unfit_fields(event, additional) or _unfit_texts(event)
    if reason:
        return reason
    event_time, inserted = moment(fields.text(event, "timestamp") or ""), fields.text(event, "insertion_timestamp")
    if event_time is None or (inserted is not None and moment(inserted) is None):
        return "invalid_timestamp"
    if fields.is_negative_price(additional):
        return "negative_price"
    try:
        values = _values(event, additional, envelope, event_time, received_at)
    except fields.OutOfRangeError:
        return "invalid_number"
    if received_at - event_time > ALLOWED_LATENESS:
        return "too_late"
    return "from_the_future" if event_time - received_at > ALLOWED_SKEW else values


def _unfit_fields(event: Object, additional: Object) -> str | None:
    """Whether each field is there once, if it must at all, and of its type; null is the same as absent."""
    if event.has_repeated_names() or additional.has_repeated_names():
        return "duplicate_field"
    if any(event.get(name) is None for name in fields.REQUIRED):
        return "missing_field"
    for container, types in ((event, fields.TOP_LEVEL), (additional, fields.ADDITIONAL)):
        if any(not isinstance(container.get(name), (*allowed, type(None))) for name, allowed in types.items()):
            return "wrong_type"
    return None


def _unfit_texts(event: Object) -> str | None:
    """Whether the ids have a length that is allowed, in characters, and the name is one."""
    if not 1 <= len(str(event.get("user_id"))) <= LONGEST_USER_ID:
        return "invalid_user_id"
    if not 1 <= len(str(event.get("click_id"))) <= LONGEST_CLICK_ID:
        return "invalid_click_id"
    return None if EVENT_NAME.fullmatch(str(event.get("event_name"))) else "invalid_event_name"


def _values(event: Object, additional: Object, envelope: Object, event_time: datetime, received_at: datetime) -> Event:
    inserted = fields.text(event, "insertion_timestamp")
    return Event(
        event_time=event_time,
        received_at=received_at,
        user_id=str(event.get("user_id")),
        click_id=str(event.get("click_id")),
        event_name=str(event.get("event_name")),
        pixel_id=fields.text(event, "pixel_id"),
        product_id=fields.product_id(additional),
        price=fields.price(additional),
        time_on_data=fields.double(additional, "time_on_data"),
        percent_viewed=fields.double(additional, "percent_viewed"),
        insertion_timestamp=None if inserted is None else moment(inserted),
        user_ip=truncated(fields.text(event, "user_ip")),
        source_ip=truncated(fields.text(envelope, "source_ip")),
        user_agent=fields.text(envelope, "user_agent"),
        request_id=fields.text(envelope, "request_id"),
        extra=fields.extra(event, additional),
    )
