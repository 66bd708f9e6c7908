"""The live document: what `python -m live` publishes of the last 60 minutes of arrival, and what a page shows.

It is provisional, and beside the tables, never in their place: a minute here is a minute of `received_at`, its numbers
are those of the raw objects read so far, and once a landing hour is settled the sum of its minutes is what
`landing_ledger` says. It is one JSON object of at most `MOST_BYTES`, written whole or not at all, under
`LIVE_PREFIX + DOCUMENT_NAME` beside the warehouse's prefix.

Every series of a document has one value for each of its minutes, from `first_minute` on, the oldest first. What is too
large is cut in this order: what lines hold, then the oldest lines; the series have bounds of their own (`MOST_NAMES`).
"""

import json
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, get_args, get_origin, get_type_hints

#: Raise it when a reader of the old format could no longer read a document, or would read it wrongly.
FORMAT: Final = 1
#: Beside the warehouse's prefix, in its bucket: `open_store(warehouse_uri).beside(LIVE_PREFIX)`.
LIVE_PREFIX: Final = "live/"
DOCUMENT_NAME: Final = "minutes.json"
MOST_BYTES: Final = 100_000

#: So many minutes are shown, the one in which the document was written being the last.
MINUTES: Final = 60
#: Event names with a series of their own, those with the most events; all others have one together.
MOST_NAMES: Final = 12
#: Lines that are shown, and landing hours and unreadable objects that are named.
MOST_LINES: Final = 100
MOST_HOURS: Final = 4
MOST_UNREADABLE: Final = 10
#: A text of a line or an error is cut after so many characters, an excerpt after fewer if there is no room.
LONGEST_TEXT: Final = 160
SHORT_EXCERPT: Final = 40

ACCEPTED: Final = "accepted"


class LiveDocumentError(ValueError):
    """A text is no live document, or one of another format; the message says what is wrong with it."""


class HourState(StrEnum):
    """Whether a landing hour may still get objects: it is open, over but not settled, or settled."""

    OPEN = "open"
    SETTLING = "settling"
    SETTLED = "settled"


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """How far the document is behind, in seconds: `behind` = `delivering` + `reading` + `waiting`, of the newest event.

    `delivering` is from its arrival to the listing that first showed its object (Firehose's buffer, the upload, up to
    one interval of the service), `reading` from there until it was counted, `waiting` from there until the document was
    written, in which nothing newer came. All are None while nothing has been read. Minutes from `complete_from` on are
    complete as far as objects are listed; None if the newest is not. `unread_objects` are listed and not read yet.
    """

    newest_arrival: datetime | None
    behind: float | None
    delivering: float | None
    reading: float | None
    waiting: float | None
    complete_from: datetime | None
    unread_objects: int
    unread_bytes: int


@dataclass(frozen=True, kw_only=True)
class Series:
    """Of each minute, the events of one name, or of several together; bots and copies are counted in every figure.

    `users` are distinct. `revenue` adds the prices of purchases. `bots` have a crawler's User-Agent. `copies` are
    events whose `click_id` an event of the same minute and name had already. Users and copies come from a sample of
    ids where a minute has more than the service keeps: they are estimates then, of one id in `users_one_in` or
    `copies_one_in`; 1 says that they are exact.
    """

    events: tuple[int, ...]
    users: tuple[int, ...]
    users_one_in: tuple[int, ...]
    purchases: tuple[int, ...]
    revenue: tuple[Decimal, ...]
    bots: tuple[int, ...]
    copies: tuple[int, ...]
    copies_one_in: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class NamedSeries:
    """The series of an event name."""

    event_name: str
    series: Series


@dataclass(frozen=True, kw_only=True)
class Rejections:
    """Of each minute, the lines that were rejected for one reason."""

    reason: str
    lines: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class LandingHourTotals:
    """A landing hour as far as it is read: lines = received + rejected, each the sum of all its minutes of arrival.

    It is `complete` once it is settled and all of its objects are read (or known as unreadable): then `lines`,
    `received`, `rejected` and `unreadable_objects` equal those of its row of `landing_ledger`. Of its lines, `undated`
    say no time of arrival, which only rejected ones do, or one that the hour can't have: no minute shows them.
    """

    landing_hour: datetime
    state: HourState
    complete: bool
    objects: int
    unread_objects: int
    unreadable_objects: int
    lines: int
    received: int
    rejected: int
    undated: int
    rejected_by_reason: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class LiveLine:
    """One of the last lines, the newest first, and what became of it: `verdict` is `accepted` or a rejection's reason.

    `field` is what a rejection's `detail` names first, if any. An address is truncated. `excerpt` is what an event says
    beside that, or the shape of a rejected line: there only the names of the contract's fields stand as they were sent,
    of all else each letter is `x` and each digit `9`.
    """

    verdict: str
    field: str | None
    detail: str | None
    received_at: datetime | None
    event_name: str | None
    click_id: str | None
    user_id: str | None
    address: str | None
    excerpt: str


@dataclass(frozen=True, kw_only=True)
class UnreadableObject:
    """An object that could not be read, why, and how often that was tried.

    One that `is_damaged` is counted by job 1 as unreadable; any other will be read, or the job fails.
    """

    key: str
    error: str
    tries: int
    is_damaged: bool


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What is estimated from a sample: ids kept of each minute and name, and the largest step in the document.

    A figure from a sample of n ids has a standard error of about 1/sqrt(n), and copies are counted among these alone.
    Where a minute has too many names, its least frequent ones are merged, and `merged_names` counts these: their events
    are among the others there, so a name's series may lack some of its events; `all_names` lacks none.
    """

    ids_kept: int
    users_one_in: int
    copies_one_in: int
    merged_names: int

    @property
    def is_exact(self) -> bool:
        """Whether no figure of the document is an estimate."""
        return self.users_one_in == self.copies_one_in == 1


@dataclass(frozen=True, kw_only=True)
class LiveDocument:
    """The document. `interval` is how many seconds pass at most, while the service is well, until the next one.

    `all_names` counts every event, `others` those of names beyond `MOST_NAMES`; the series of `names` and `others` add
    up to it, except for users.
    """

    format: int = FORMAT
    written_at: datetime
    interval: float
    freshness: Freshness
    first_minute: datetime
    all_names: Series
    names: tuple[NamedSeries, ...]
    others: Series | None
    rejections: tuple[Rejections, ...]
    landing_hours: tuple[LandingHourTotals, ...]
    lines: tuple[LiveLine, ...]
    unreadable: tuple[UnreadableObject, ...]
    sampling: Sampling

    def to_json(self) -> bytes:
        """Return the document as JSON in UTF-8, whatever its size."""
        return _json(self)

    def fitted(self, most_bytes: int = MOST_BYTES) -> "LiveDocument":
        """Return the document with excerpts shortened, then without its oldest lines, until its JSON has that size."""
        if len(self.to_json()) <= most_bytes:
            return self
        lines = tuple(replace(line, excerpt=shortened(line.excerpt, SHORT_EXCERPT)) for line in self.lines)
        room = most_bytes - len(replace(self, lines=()).to_json())
        kept: list[LiveLine] = []
        for line in lines:
            room -= len(_json(line)) + len(",")
            if room < 0:
                break
            kept.append(line)
        return replace(self, lines=tuple(kept))

    @classmethod
    def from_json(cls, text: bytes) -> "LiveDocument":
        """Return the document that a JSON text is; raise `LiveDocumentError`."""
        try:
            value = json.loads(text)
        except ValueError as error:
            raise LiveDocumentError(f"the live document is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise LiveDocumentError(f"the live document is {type(value).__name__}, not a JSON object")
        if value.get("format") != FORMAT:
            raise LiveDocumentError(
                f"the live document has format {value.get('format')!r}, and this program reads format {FORMAT}: "
                "run the same version of both"
            )
        document: LiveDocument = _read(cls, value, "document")
        return document


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text, its end replaced by an ellipsis if it is longer.

    >>> shortened("abcdef", 4), shortened("abcd", 4)
    ('abc…', 'abcd')
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _json(value: object) -> bytes:
    # Half of a surrogate pair, which UTF-8 does not have, becomes a question mark.
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _plain(value: Any) -> Any:
    """Return what JSON has in the place of a value of the document."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    match value:
        case tuple():
            return [_plain(each) for each in value]
        case Mapping():
            return dict(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case Decimal():
            return format(value, "f")
    return value


def _read(kind: Any, value: Any, where: str) -> Any:
    """Return the value of a type that stands in JSON at a place; raise `LiveDocumentError` that names the place."""
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if origin is types.UnionType:  # a type, or None
        return None if value is None else _read(inner[0], value, where)
    if is_dataclass(kind) and isinstance(value, dict):
        return _read_dataclass(kind, value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_read(inner[0], each, f"{where}[{at}]") for at, each in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return {name: _read(inner[1], each, f"{where}.{name}") for name, each in value.items()}
    if kind in (datetime, Decimal, HourState) and isinstance(value, str):
        return _read_text(kind, value, where)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise _wrong(kind, value, where)
    return value


def _read_dataclass(kind: Any, value: Mapping[str, Any], where: str) -> Any:
    hints = get_type_hints(kind)
    if missing := [name for name in hints if name not in value]:
        raise LiveDocumentError(f"{where} of the live document has no {', '.join(missing)}")
    return kind(**{name: _read(hint, value[name], f"{where}.{name}") for name, hint in hints.items()})


def _read_text(kind: type, text: str, where: str) -> Any:
    try:
        read = datetime.fromisoformat(text) if kind is datetime else kind(text)
    except (ValueError, InvalidOperation):
        raise _wrong(kind, text, where) from None
    if isinstance(read, datetime) and read.tzinfo is None:
        raise _wrong(kind, text, where)
    return read.astimezone(UTC) if isinstance(read, datetime) else read


def _wrong(kind: Any, value: object, where: str) -> LiveDocumentError:
    what = getattr(kind, "__name__", kind)
    return LiveDocumentError(f"{where} of the live document is {shortened(repr(value), 60)}, which is no {what}")
