"""An independent judge of raw lines, written from the contract's sentences: the tests' second opinion on a manifest.

Slow and plain on purpose, and sharing no code with the simulator or the jobs.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from jsonschema import Draft4Validator

from contracts.event import event_schema
from contracts.rejections import RejectionReason as R

_SCHEMA = Draft4Validator(event_schema())
_REQUIRED = ("timestamp", "user_id", "click_id", "event_name")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z")


class _RepeatedNameError(ValueError):
    """An object names one field twice."""


@dataclass
class Recount:
    """What the tables must hold of the lines that were judged."""

    lines: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    seen: dict[tuple[str, str], tuple[str, Decimal]] = field(default_factory=dict)
    duplicates: Counter[str] = field(default_factory=Counter)

    def take(self, line: bytes) -> None:
        self.lines += 1
        reason = rejection(line)
        if reason is not None:
            self.rejected[reason.value] += 1
            return
        event = json.loads(line)["event"]
        hour = event_time(event["timestamp"]).strftime("%Y-%m-%dT%H")
        key = (hour, event["click_id"])
        if key in self.seen:
            self.duplicates[hour] += 1
            return
        price = event.get("additional_data", {}).get("price")
        self.seen[key] = (event["event_name"], Decimal(str(price or 0)).quantize(Decimal("0.01"), ROUND_HALF_UP))

    def clean_by_hour(self) -> dict[str, int]:
        return dict(Counter(hour for hour, _ in self.seen))

    def revenue(self) -> Decimal:
        return sum((price for name, price in self.seen.values() if name == "Purchase"), Decimal("0.00"))

    def refunded(self) -> Decimal:
        return sum((abs(price) for name, price in self.seen.values() if name == "Refund"), Decimal("0.00"))


def event_time(text: str) -> datetime:
    """Return the moment that a timestamp names; raise ValueError if it names none."""
    for pattern in _FORMATS:
        try:
            moment = datetime.strptime(text, pattern)  # noqa: DTZ007 - a zone is added below
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    raise ValueError(text)


def rejection(line: bytes) -> R | None:
    """Return why a line (no newline) is not an event, or None if it is one."""
    if len(line) > 1_000 * 1024:
        return R.TOO_LARGE
    try:
        envelope = json.loads(line.decode())
    except ValueError:
        return R.NOT_JSON
    if _depth(line) > 64:
        return R.TOO_DEEP
    if not isinstance(envelope, dict) or type(envelope.get("received_at")) is not int or "event" not in envelope:
        return R.NOT_AN_ENVELOPE
    if not isinstance(envelope["event"], dict):
        return R.NOT_AN_OBJECT
    try:
        json.loads(line, object_pairs_hook=_unique)
    except _RepeatedNameError:
        return R.DUPLICATE_FIELD
    received_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=envelope["received_at"])
    return event_rejection(envelope["event"], received_at)


def event_rejection(event: dict[str, Any], received_at: datetime) -> R | None:
    """Return why an event is not valid."""
    if any(event.get(name) is None for name in _REQUIRED):
        return R.MISSING_FIELD
    if any(error.validator == "type" and error.path[0] in _REQUIRED for error in _SCHEMA.iter_errors(event)):
        return R.WRONG_TYPE
    if not 1 <= len(event["user_id"]) <= 256:
        return R.INVALID_USER_ID
    if not 1 <= len(event["click_id"]) <= 128:
        return R.INVALID_CLICK_ID
    name = event["event_name"].strip()
    if not 1 <= len(name) <= 128 or _CONTROL.search(name):
        return R.INVALID_EVENT_NAME
    try:
        moment = event_time(event["timestamp"])
    except ValueError:
        return R.INVALID_TIMESTAMP
    if received_at - moment > timedelta(days=7):
        return R.TOO_LATE
    return R.FROM_THE_FUTURE if moment - received_at > timedelta(minutes=5) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _RepeatedNameError(pairs)
    return dict(pairs)


def _depth(line: bytes) -> int:
    deepest = depth = 0
    for character in re.sub(rb'"(?:[^"\\]|\\.)*"', b"", line):
        depth += (character in b"[{") - (character in b"]}")
        deepest = max(deepest, depth)
    return deepest
