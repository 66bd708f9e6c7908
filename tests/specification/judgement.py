"""A line → an event as received, or the first reason, in the order of this module, why it is none."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.specification import fields
from tests.specification.addresses import truncated
from tests.specification.json_values import Number, Object, Value, parse

MARK = "\ufeff".encode()  # a byte order mark before a line's JSON is no part of it
LONGEST_LINE = 1_000 * 1024  # bytes, with its newline
DEEPEST = 64
LAST_MILLISECOND = 253_402_300_799_999  # of the year 9999
LONGEST_CLICK_ID = 128
LONGEST_EVENT_NAME = 128
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: Names, without blanks and in lower case, that stand for a standard event.
STANDARD_NAMES = {
    **dict.fromkeys(("search", "view_search_results", "productssearched", "search_submitted"), "Search"),
    **dict.fromkeys(("viewcontent", "view_item", "productviewed", "product_viewed"), "ViewContent"),
    **dict.fromkeys(("addtocart", "add_to_cart", "productadded", "product_added_to_cart"), "AddToCart"),
    **dict.fromkeys(("purchase", "ordercompleted", "checkout_completed"), "Purchase"),
    **dict.fromkeys(("refund", "orderrefunded"), "Refund"),
}
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
    sent_at: datetime | None = None
    anonymous_id: str | None = None
    page_url: str | None = None
    referrer: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    currency: str | None = None
    sent_event_name: str | None = None
    clock_corrected: bool = False
    unread_fields: tuple[str, ...] | None = None


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
    if not isinstance(envelope.get("event"), Object) and fields.has_required(envelope):
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
    if event.has_repeated_names() or additional.has_repeated_names():
        return "duplicate_field"
    if not fields.has_required(event):
        return "missing_field"
    values, unread = fields.optional_values(event, additional, is_refund=_is_refund(event))
    if _has_wrong_type(event):
        return "wrong_type"
    user_id = event.get("user_id")
    if fields.is_absent(user_id) and values["anonymous_id"] is not None:
        user_id = str(values["anonymous_id"])
    required = _required(event, user_id)
    if isinstance(required, str):
        return required
    times = _times(required.client_time, values["sent_at"], received_at)
    if isinstance(times, str):
        return times
    return Event(
        event_time=times[0],
        clock_corrected=times[1],
        received_at=received_at,
        user_id=required.user_id,
        click_id=required.click_id,
        event_name=required.event_name,
        sent_event_name=None if event.get("event_name") == required.event_name else str(event.get("event_name")),
        source_ip=truncated(_stamp(envelope, "source_ip") or ""),
        user_agent=_stamp(envelope, "user_agent"),
        request_id=_stamp(envelope, "request_id"),
        extra=fields.extra(event, additional, unread),
        unread_fields=tuple(unread) or None,
        **values,
    )


def _stamp(envelope: Object, name: str) -> str | None:
    value = envelope.get(name)
    return value if isinstance(value, str) and value else None


def _has_wrong_type(event: Object) -> bool:
    """Whether a required field is something else than a text or, but for the name, a number."""
    return any(
        not isinstance(event.get(name), (str, type(None)) if name == "event_name" else (str, Number, type(None)))
        for name in fields.REQUIRED
    )


@dataclass(frozen=True)
class Required:
    """The values of the required fields."""

    user_id: str
    click_id: str
    event_name: str
    client_time: datetime


def _required(event: Object, user_id: Value) -> Required | str:
    """The required values, or the first reason, in the order in which they are read here."""
    reason = "invalid_user_id"
    try:
        user = fields.user_id(_there(user_id))
        reason = "invalid_click_id"
        click = fields.text(_there(event.get("click_id")), LONGEST_CLICK_ID)
        reason = "invalid_event_name"
        name = _event_name(event.get("event_name"))
        reason = "invalid_timestamp"
        return Required(user, click, name, fields.time(_there(event.get("timestamp"))))
    except fields.UnreadError:
        return reason


def _there(value: Value) -> Value:
    if fields.is_absent(value):
        raise fields.UnreadError
    return value


def _is_refund(event: Object) -> bool:
    """Whether the event's name is that of a refund, if it has one at all."""
    try:
        return _event_name(event.get("event_name")) == "Refund"
    except fields.UnreadError:
        return False


def _event_name(value: Value) -> str:
    name = str(value).strip(fields.BLANKS)
    if not 1 <= len(name) <= LONGEST_EVENT_NAME or CONTROL_CHARACTER.search(name):
        raise fields.UnreadError
    lower = "".join(letter.lower() if letter.isascii() else letter for letter in name if letter not in fields.BLANKS)
    return STANDARD_NAMES.get(lower, name)


def _times(client_time: datetime, sent_at: object, received_at: datetime) -> tuple[datetime, bool] | str:
    """The event's time, and whether the client's clock had to be corrected; or why it can't have been then."""
    lateness, corrected = received_at - client_time, False
    if isinstance(sent_at, datetime) and abs(received_at - sent_at) > ALLOWED_SKEW:
        lateness, corrected = sent_at - client_time, True
    if lateness > ALLOWED_LATENESS:
        return "too_late"
    return "from_the_future" if -lateness > ALLOWED_SKEW else (received_at - lateness, corrected)
