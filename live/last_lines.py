"""Validated lines → the newest of them, as people may see them: what each was, and what became of it.

An address is truncated, whatever the settings keep, and of pages' addresses there is no query. Of a rejected line the
shape is shown: a client's mistake can be seen in it, and nothing that a visitor is or typed. A user's and an event's id
stand as they are, since they are what people look for.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from contracts.envelope import ENVELOPE_FIELDS
from contracts.event import EVENT_FIELDS, MAX_CLICK_ID_LENGTH, MAX_USER_ID_LENGTH
from contracts.live_document import ACCEPTED, MOST_LINES, LiveLine, shortened
from contracts.privacy import URL_QUERY, truncated_address
from spark_jobs.validation.erased_lines import ids_in
from spark_jobs.validation.strict_json import JsonNumber, JsonObject, JsonValue, NotJsonError, TooDeepError, parse_json

_COLUMNS: Final = (
    *("received_at", "event_name", "click_id", "user_id", "source_ip", "user_ip", "product_id", "price", "currency"),
    *("page_url", "unread_fields"),
)
#: A rejected line is looked at up to this many bytes: its excerpt is short, and it may be a megabyte.
_LOOKED_AT: Final = 1_024
_FIELD: Final = re.compile(r"`([a-z_.]{1,64})`")
_NAMES: Final = "|".join(sorted({*ENVELOPE_FIELDS, *(field.name for field in EVENT_FIELDS)}))
_SHOWN_OR_MASKED: Final = re.compile(rf'"(?:{_NAMES})"(?=\s*:)|(?P<digit>\d)|\w')


@dataclass(frozen=True, kw_only=True)
class LineFilter:
    """Whose lines are kept: of one user, or of one click id; of both together if both are given."""

    user_id: str | None = None
    click_id: str | None = None

    def of_events(self, events: pa.Table) -> pa.Table:
        """Return the received rows that are meant."""
        for name, wanted in (("user_id", self.user_id), ("click_id", self.click_id)):
            if wanted is not None:
                events = events.filter(pc.equal(events.column(name), wanted))
        return events

    def matches(self, line: bytes) -> bool:
        """Return whether a rejected line has the ids in any string, since it may have them anywhere."""
        wanted = {one for one in (self.user_id, self.click_id) if one is not None}
        return wanted <= set(ids_in(line.decode(errors="replace"))) if wanted else True


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """A line and its place in time: its arrival or, if it has none, that of the newest line beside it."""

    at: datetime
    line: LiveLine


class LastLines:
    """The newest lines by arrival of all that were added, in whatever order; `only` keeps those that are meant."""

    def __init__(self, only: LineFilter | None = None) -> None:
        self._only = only
        self._placed: list[_Placed] = []

    def add(self, received: Sequence[pa.Table], rejected: Sequence[pa.Table], *, otherwise_at: datetime) -> None:
        """Add validated rows; a line without a time of arrival, with none beside it, came at `otherwise_at`."""
        newest = max((found for table in received if (found := _newest(table))), default=otherwise_at)
        added = [
            *(placed for table in received for placed in self._events(table)),
            *(placed for table in rejected for placed in self._rejections(table, newest)),
        ]
        if added:
            self._placed = sorted((*self._placed, *added), key=attrgetter("at"), reverse=True)[:MOST_LINES]

    @staticmethod
    def newest_of(several: Iterable["LastLines"]) -> tuple[LiveLine, ...]:
        """Return the newest lines of several together, the newest first."""
        placed = sorted((one for lines in several for one in lines._placed), key=attrgetter("at"), reverse=True)
        return tuple(one.line for one in placed[:MOST_LINES])

    def _events(self, events: pa.Table) -> Iterator[_Placed]:
        if self._only is not None:
            events = self._only.of_events(events)
        events = events.select(_COLUMNS)
        if len(self._placed) == MOST_LINES:
            events = events.filter(pc.greater(events.column("received_at"), self._placed[-1].at))
        if len(events) > MOST_LINES:
            events = events.take(pc.select_k_unstable(events, k=MOST_LINES, sort_keys=[("received_at", "descending")]))
        for row in events.to_pylist():
            yield _Placed(at=row["received_at"], line=_of_event(row))

    def _rejections(self, lines: pa.Table, otherwise_at: datetime) -> Iterator[_Placed]:
        for row in _last_of(lines, self._only):
            yield _Placed(at=row["received_at"] or otherwise_at, line=_of_rejection(row))


def _newest(events: pa.Table) -> datetime | None:
    newest: datetime | None = pc.max(events.column("received_at")).as_py()
    return newest


def _last_of(lines: pa.Table, only: LineFilter | None) -> Iterator[dict[str, Any]]:
    """Yield the last rejections of a table, or of those that are meant; without a line there is nothing to look at."""
    if only is None:
        yield from lines.slice(max(len(lines) - MOST_LINES, 0)).to_pylist()
    else:
        rows = [row for row in lines.to_pylist() if row["line"] is not None and only.matches(row["line"])]
        yield from rows[-MOST_LINES:]


def _of_event(row: dict[str, Any]) -> LiveLine:
    return LiveLine(
        verdict=ACCEPTED,
        field=None,
        detail=None,
        received_at=row["received_at"],
        event_name=row["event_name"],
        click_id=row["click_id"],
        user_id=row["user_id"],
        address=_address(row["source_ip"]) or _address(row["user_ip"]),
        excerpt=shortened(" · ".join(_said(row))),
    )


def _said(row: dict[str, Any]) -> Iterator[str]:
    """Yield what an event says beside its ids, as far as it says who somebody is by none of it."""
    if row["product_id"] is not None:
        yield f"product_id {row['product_id']}"
    if row["price"] is not None:
        yield f"price {row['price']}" + (f" {row['currency']}" if row["currency"] else "")
    if row["page_url"] is not None:
        yield re.sub(URL_QUERY, "", row["page_url"])
    if row["unread_fields"]:
        yield f"unread: {', '.join(row['unread_fields'])}"


def _of_rejection(row: dict[str, Any]) -> LiveLine:
    line: bytes = row["line"] or b""
    named = _FIELD.search(row["detail"])
    envelope = _object(line)
    event = envelope.get("event")
    event = event if isinstance(event, JsonObject) else JsonObject([])
    return LiveLine(
        verdict=row["rejection_reason"],
        field=named[1] if named else None,
        detail=shortened(row["detail"]),
        received_at=row["received_at"],
        event_name=_text(event.get("event_name")),
        click_id=_text(event.get("click_id"), MAX_CLICK_ID_LENGTH),
        user_id=_text(event.get("user_id"), MAX_USER_ID_LENGTH),
        address=_address(_text(envelope.get("source_ip"))),
        excerpt=shape(line),
    )


def _object(line: bytes) -> JsonObject:
    """Return the object that a rejected line is; an empty one if it is none."""
    try:
        value = parse_json(line)
    except (NotJsonError, TooDeepError):
        value = None
    return value if isinstance(value, JsonObject) else JsonObject([])


def _text(value: JsonValue, longest: int = 128) -> str | None:
    """Return a string, or a number's digits, if it is not longer than the contract has it."""
    return str(value) if isinstance(value, str | JsonNumber) and len(value) <= longest else None


def _address(text: str | None) -> str | None:
    return truncated_address(text) if text else None


def shape(line: bytes) -> str:
    """Return how a line begins, with each letter an `x` and each digit a `9`, but for names of the contract's fields.

    >>> shape(b'{"event":{"user_id":"ann@shop.example","age":41,"click_id"')
    '{"event":{"user_id":"xxx@xxxx.xxxxxxx","xxx":99,"xxxxx_xx"'
    """
    text = line[:_LOOKED_AT].decode(errors="replace")
    return shortened(_SHOWN_OR_MASKED.sub(_masked, text))


def _masked(match: re.Match[str]) -> str:
    if match["digit"]:
        return "9"
    return match[0] if match[0].startswith('"') else "_" if match[0] == "_" else "x"
