"""Some lines → how they are spelled: the order of their fields, and where they have spaces.

Lines are written by few programs, and each program writes all of its lines alike. `spelled_lines` asks of each line
whether it is spelled so.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.envelope import ENVELOPE_FIELDS
from contracts.event import ADDITIONAL_DATA_FIELDS, TOP_LEVEL_FIELDS
from spark_jobs.judging.strict_json import JsonObject, NotJsonError, TooDeepError, parse_json

ENVELOPE_NAMES = tuple(ENVELOPE_FIELDS)
EVENT_NAMES = tuple(field.path for field in TOP_LEVEL_FIELDS)
ADDITIONAL_NAMES = tuple(field.path.removeprefix("additional_data.") for field in ADDITIONAL_DATA_FIELDS)


@dataclass(frozen=True, kw_only=True)
class ObjectLayout:
    """Of one JSON object: known fields in their order, those that no line lacked, and what stands between."""

    names: tuple[str, ...]
    always: frozenset[str]
    comma: str
    colon: str


@dataclass(frozen=True, kw_only=True)
class LineLayout:
    """Of a line: of each object in it."""

    envelope: ObjectLayout
    event: ObjectLayout
    additional: ObjectLayout


def layout_of(lines: Iterable[bytes]) -> LineLayout | None:
    """Return how most of the lines are spelled; None if there is no event among them."""
    sound = [(line, envelope) for line in lines if (envelope := _envelope(line))]
    if not sound:
        return None
    text = b"\n".join(line for line, _ in sound).decode()
    events = [envelope["event"] for _, envelope in sound]
    additional = [event.get("additional_data") for event in events if isinstance(event, JsonObject)]
    return LineLayout(
        envelope=_object_layout([envelope for _, envelope in sound], ENVELOPE_NAMES, text),
        event=_object_layout(events, EVENT_NAMES, text),
        additional=_object_layout(additional, ADDITIONAL_NAMES, text),
    )


def _envelope(line: bytes) -> JsonObject | None:
    try:
        value = parse_json(line)
    except (NotJsonError, TooDeepError):
        return None
    return value if isinstance(value, JsonObject) and isinstance(value.get("event"), JsonObject) else None


def _object_layout(values: Iterable[object], known: tuple[str, ...], text: str) -> ObjectLayout:
    objects = [value for value in values if isinstance(value, JsonObject)]
    orders = Counter(tuple(name for name in value if name in known) for value in objects)
    names = _merged(order for order, _ in orders.most_common())
    always = frozenset(name for name in names if all(name in value for value in objects))
    spaced = any(f'"{name}": ' in text for name in names)
    return ObjectLayout(names=names, always=always, comma=", " if spaced else ",", colon=": " if spaced else ":")


def _merged(orders: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return one order of all names; what an earlier order says of two of them holds.

    >>> _merged([("a", "c"), ("a", "b", "c"), ("c", "a", "d")])
    ('a', 'd', 'b', 'c')
    """
    merged: list[str] = []
    for order in orders:
        at = 0
        for name in order:
            if name not in merged:
                merged.insert(at, name)
            at = merged.index(name) + 1
    return tuple(merged)
