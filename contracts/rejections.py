"""Why a raw line is not an event: the closed list of reasons that `rejected_events.rejection_reason` can hold."""

from enum import StrEnum
from typing import Final


class RejectionReason(StrEnum):
    """A reason, in the order of precedence: a line is rejected with the first reason that applies to it.

    Each member's `sentence` is the reference documentation of that reason.
    """

    sentence: str

    def __new__(cls, value: str, sentence: str) -> "RejectionReason":
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    UNREADABLE_OBJECT = (
        "unreadable_object",
        "The object can't be decompressed or read, or is neither lines nor GZIP of lines; one row per object, no line.",
    )
    ERASED_USER = (
        "erased_user",
        "The line is an erased user's, by its `user_id` or, in a line that is no event, by any string; nothing of it "
        "is kept, no line.",
    )
    TOO_LARGE = (
        "too_large",
        "The line is longer than 1,000 KiB, which no delivery can carry; or the edge says so of an event in a batch, "
        "and keeps its size and user.",
    )
    NOT_JSON = (
        "not_json",
        "The line is not one JSON value by RFC 8259 in UTF-8; of what is not, `NaN`, `Infinity` and `-Infinity` pass.",
    )
    TOO_DEEP = "too_deep", "Objects or arrays are nested deeper than 64 levels."
    NOT_AN_ENVELOPE = (
        "not_an_envelope",
        "The line is JSON, but neither an event nor an envelope, which is an object with an integer `received_at` and "
        "`event`; or it is an event without an envelope.",
    )
    NOT_AN_OBJECT = "not_an_object", "`event` is JSON, but not an object."
    DUPLICATE_FIELD = "duplicate_field", "The event names one field twice, so that readers would differ on its value."
    MISSING_FIELD = "missing_field", "A required field is absent or null, and no other stands in for it."
    WRONG_TYPE = "wrong_type", "A required field has another JSON type than the contract's."
    INVALID_USER_ID = (
        "invalid_user_id",
        "`user_id` is empty, longer than 256 characters, or a number but not a whole one.",
    )
    INVALID_CLICK_ID = (
        "invalid_click_id",
        "`click_id` is empty, longer than 128 characters, or a number but not a whole one.",
    )
    INVALID_EVENT_NAME = (
        "invalid_event_name",
        "`event_name` is blank, has control characters, or is longer than 128 characters.",
    )
    INVALID_TIMESTAMP = "invalid_timestamp", "`timestamp` is in none of the forms, or not a time that exists."
    NEGATIVE_PRICE = "negative_price", "No longer given: `price` was below zero, which costs the field alone today."
    INVALID_NUMBER = "invalid_number", "No longer given: a number was outside of its column's range; likewise."
    TOO_LATE = "too_late", "The event happened more than the allowed lateness (7 days) before it was received."
    FROM_THE_FUTURE = "from_the_future", "The event happened more than 5 minutes after it was received."


#: Reasons that only rows of an older contract have; a replay asks for them.
FORMER_REASONS: Final = frozenset({RejectionReason.NEGATIVE_PRICE, RejectionReason.INVALID_NUMBER})
