"""One raw line → an event as received, or a rejection: the definition of what the contract means, in plain Python.

`judge_lines` decides ordinary lines by the thousand in DuckDB and asks here for every other one. So each rejection is
worded here, and what DuckDB accepts is tested to be what this module accepts, value for value.

Where the contract leaves room: an optional string that is empty is absent; a number is what a double makes of it, in
its shortest spelling; the envelope may carry fields that are not known yet, which are ignored.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.envelope import ENVELOPE_FIELDS
from contracts.event import ALLOWED_CLOCK_SKEW, ALLOWED_LATENESS, MAX_LINE_BYTES, REQUIRED_FIELDS
from contracts.rejections import RejectionReason
from spark_jobs.judging.event_fields import EventValues, event_values
from spark_jobs.judging.json_wording import quoted, type_name
from spark_jobs.judging.judgement import Received, RefusedError, Rejected
from spark_jobs.judging.strict_json import JsonNumber, JsonObject, JsonValue, NotJsonError, TooDeepError, parse_json

#: 9999-12-31T23:59:59.999Z in epoch milliseconds, the last that a timestamp can hold.
MAX_RECEIVED_AT: Final = 253_402_300_799_999

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STAMPED_STRINGS: Final = tuple(name for name in ENVELOPE_FIELDS if name not in ("received_at", "event"))


def judge_line(line: bytes) -> Received | Rejected:
    """Return what becomes of a line (without its newline); every line becomes something."""
    received_at: datetime | None = None
    try:
        envelope = _envelope(_json(line))
        received_at = _received_at(envelope)
        return _received(envelope, received_at, event_values(_event(envelope)))
    except RefusedError as refused:
        return Rejected(rejection_reason=refused.reason, detail=refused.detail, line=line, received_at=received_at)


def _json(line: bytes) -> JsonValue:
    if len(line) + len(b"\n") > MAX_LINE_BYTES:
        raise RefusedError(RejectionReason.TOO_LARGE, f"{len(line) + 1} bytes with its newline")
    try:
        return parse_json(line)
    except NotJsonError as error:
        raise RefusedError(RejectionReason.NOT_JSON, str(error)) from None
    except TooDeepError as error:
        raise RefusedError(RejectionReason.TOO_DEEP, str(error)) from None


def _envelope(value: JsonValue) -> JsonObject:
    """Return the envelope, known to have each field once, with its type."""
    if not isinstance(value, JsonObject):
        raise _no_envelope(value, f"the line is {type_name(value)}, not an object")
    for name in value.repeated_names():
        raise _no_envelope(value, f"it names `{name}` twice")
    for name in ("received_at", "event"):
        if name not in value:
            raise _no_envelope(value, f"`{name}` is absent")
    event = value["event"]
    if _is_bare_event(value) and not isinstance(event, JsonObject):
        raise _no_envelope(value, f"its own `event` is {type_name(event)}: {quoted(event)}")
    for name in _STAMPED_STRINGS:
        stamp = value.get(name)
        if stamp is not None and type(stamp) is not str:
            raise _no_envelope(value, f"`{name}` is {type_name(stamp)}, not a string: {quoted(stamp)}")
    return value


def _received_at(envelope: JsonObject) -> datetime:
    stamp = envelope["received_at"]
    if isinstance(stamp, JsonNumber) and stamp.is_integer_literal:
        if 0 <= float(stamp) <= MAX_RECEIVED_AT:
            return _EPOCH + timedelta(milliseconds=int(stamp))
        raise _no_envelope(envelope, f"`received_at` is outside of the years 1970 to 9999: {quoted(stamp)}")
    raise _no_envelope(
        envelope, f"`received_at` is {type_name(stamp)}, not an integer of milliseconds: {quoted(stamp)}"
    )


def _no_envelope(line: JsonValue, detail: str) -> RefusedError:
    """Return the error of a line that is no envelope; an event that came around the edge lacks only that."""
    what = "an event without an envelope" if _is_bare_event(line) else "neither an event nor an envelope"
    return RefusedError(RejectionReason.NOT_AN_ENVELOPE, f"{what}: {detail}")


def _is_bare_event(line: JsonValue) -> bool:
    """Return whether a line has what every event has, outside of an envelope."""
    return isinstance(line, JsonObject) and all(line.get(name) is not None for name in REQUIRED_FIELDS)


def _event(envelope: JsonObject) -> JsonObject:
    event = envelope["event"]
    if not isinstance(event, JsonObject):
        raise RefusedError(RejectionReason.NOT_AN_OBJECT, f"`event` is {type_name(event)}: {quoted(event)}")
    return event


def _received(envelope: JsonObject, received_at: datetime, event: EventValues) -> Received:
    _refuse_wrong_time(event.timestamp, received_at)
    source_ip, user_agent, request_id = (_stamp(envelope, name) for name in ("source_ip", "user_agent", "request_id"))
    return Received(
        event_time=event.timestamp,
        received_at=received_at,
        user_id=event.user_id,
        click_id=event.click_id,
        event_name=event.event_name,
        pixel_id=event.pixel_id,
        product_id=event.product_id,
        price=event.price,
        time_on_data=event.time_on_data,
        percent_viewed=event.percent_viewed,
        insertion_timestamp=event.insertion_timestamp,
        user_ip=event.user_ip,
        source_ip=source_ip,
        user_agent=user_agent,
        request_id=request_id,
        extra=event.extra,
    )


def _stamp(envelope: JsonObject, name: str) -> str | None:
    value = envelope.get(name)
    return value if isinstance(value, str) and value else None


def _refuse_wrong_time(event_time: datetime, received_at: datetime) -> None:
    lateness = received_at - event_time
    if lateness > ALLOWED_LATENESS:
        raise RefusedError(RejectionReason.TOO_LATE, f"it happened {lateness} before it was received: {event_time}")
    if -lateness > ALLOWED_CLOCK_SKEW:
        raise RefusedError(
            RejectionReason.FROM_THE_FUTURE,
            f"`timestamp` {event_time.isoformat()} is {-lateness} after it was received",
        )
