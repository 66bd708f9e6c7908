"""The SQL that decides lines written like their neighbours: read once, and proven by being written again.

Lines are written by few programs, and each program writes all of its lines alike: `template_of` learns how from some
of them. `sql_rules` has to ask of a line which fields it has, whether one is there twice, and what DuckDB's reader
forgave, and so reads it several times. The query of this module takes the known fields out as text and writes the line
again from them, by the template. If that is the line, byte for byte, then it holds these fields, each once and of its
type, and nothing else. For without a backslash in the line no value has a quote in it, so that each string ends where
its quote does; and what stands without quotes is checked to be a number. Every other line is left to `sql_rules`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

import duckdb

from contracts.envelope import ENVELOPE_FIELDS, STAMPED_FIELDS
from contracts.event import (
    ADDITIONAL_DATA,
    ADDITIONAL_DATA_FIELDS,
    MAX_LINE_BYTES,
    REFUND,
    TOP_LEVEL_FIELDS,
    EventField,
    Kind,
)
from contracts.event_names import NAMES, EventNames
from spark_jobs.validation.sql_rules import (
    DIGIT_KINDS,
    EVENT_NAME,
    LINES,
    TOP_LEVEL,
    completed,
    currency_of,
    digits_of,
    extracted,
    is_one_of,
    number_of,
    received_columns,
    structure,
    time_of,
    value_rules,
)
from spark_jobs.validation.strict_json import JsonNumber, JsonObject, NotJsonError, TooDeepError, parse_json

_EVENT_NAMES: Final = tuple(field.name for field in TOP_LEVEL_FIELDS)
_ADDITIONAL_NAMES: Final = tuple(field.name for field in ADDITIONAL_DATA_FIELDS)


@dataclass(frozen=True, kw_only=True)
class ObjectTemplate:
    """How one JSON object is written: known fields in order, those that no line lacked, and what separates them.

    `bare` are the fields that are numbers on most lines, `either` the texts that are numbers on some lines only.
    """

    names: tuple[str, ...]
    always: frozenset[str]
    comma: str
    colon: str
    bare: frozenset[str]
    either: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class LineTemplate:
    """How a line is written: each object in it."""

    envelope: ObjectTemplate
    event: ObjectTemplate
    additional: ObjectTemplate


def template_of(lines: Iterable[bytes]) -> LineTemplate | None:
    """Return how most of the lines are written; None if there is no event among them."""
    sound = [(line, envelope) for line in lines if (envelope := _envelope(line))]
    if not sound:
        return None
    text = b"\n".join(line for line, _ in sound).decode()
    events = [envelope["event"] for _, envelope in sound]
    additional = [event.get(ADDITIONAL_DATA) for event in events if isinstance(event, JsonObject)]
    return LineTemplate(
        envelope=_object_template([envelope for _, envelope in sound], ENVELOPE_FIELDS, text),
        event=_object_template(events, _EVENT_NAMES, text),
        additional=_object_template(additional, _ADDITIONAL_NAMES, text),
    )


def _envelope(line: bytes) -> JsonObject | None:
    try:
        value = parse_json(line)
    except (NotJsonError, TooDeepError):
        return None
    return value if isinstance(value, JsonObject) and isinstance(value.get("event"), JsonObject) else None


def _object_template(values: Iterable[object], known: tuple[str, ...], text: str) -> ObjectTemplate:
    objects = [value for value in values if isinstance(value, JsonObject)]
    orders = Counter(tuple(name for name in value if name in known) for value in objects)
    names = _merged(order for order, _ in orders.most_common())
    always = frozenset(name for name in names if all(name in value for value in objects))
    spaced = any(f'"{name}": ' in text for name in names)
    written = {name: Counter(type(value[name]) for value in objects if name in value) for name in names}
    return ObjectTemplate(
        names=names,
        always=always,
        comma=", " if spaced else ",",
        colon=": " if spaced else ":",
        bare=frozenset(name for name, types in written.items() if types[JsonNumber] > types[str]),
        either=frozenset(name for name, types in written.items() if types[JsonNumber] and types[str]),
    )


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


#: What DuckDB raises where it reads a line that is not JSON. Its message quotes the line, and cuts a character of
#: several bytes in two where JSON ends: such a message Python can't decode.
NOT_JSON: Final = (duckdb.InvalidInputException, UnicodeDecodeError)
#: The largest `received_at` that the query accepts: 14 digits, the year 5138.
_MAX_MILLISECONDS: Final = 10**14 - 1


def template_rules_query(template: LineTemplate, names: EventNames = NAMES, *, all_json: bool = False) -> str:
    """Return the query over `lines`: as `sql_rules_query`, but `valid` is true of fewer.

    It has the columns of the template's fields only, since a line with another one is not written alike.

    With `all_json` every line is taken for JSON: that saves reading it once more, a tenth of all validation, and the
    query fails with `NOT_JSON` if one is not.
    """
    is_json = "" if all_json else " AND json_valid(line)"
    writing = _written_fields(template)
    is_refund = is_one_of(_text(EVENT_NAME), names.spellings(REFUND))
    rules = " AND ".join(("is_written_alike", *value_rules(writing, _text, "''")))
    taken = structure(writing, lambda field: _extracted_type(field, writing.get(field)))
    return f"""
WITH parsed AS (
    SELECT line, CASE WHEN strlen(line) < {MAX_LINE_BYTES} AND NOT contains(line, '\\'){is_json}
                      THEN json_transform(line, '{taken}') END AS envelope
    FROM {LINES}
), fields AS (
    SELECT line, envelope.event.{ADDITIONAL_DATA} IS NOT NULL AS has_additional,
           {", ".join(f"{extracted(field)}{_cast(field)} AS {_text(field)}" for field in writing)}
    FROM parsed
), typed AS (
    SELECT *, line = {_written(template, writing)} AS is_written_alike,
           {", ".join(f"{_typed(field, how, is_refund)} AS {field.column}" for field, how in writing.items())}
    FROM fields
), completed AS ({completed(writing, _text, "''")})
SELECT coalesce({rules}, false) AS valid, {received_columns(writing)}
FROM completed
"""  # noqa: S608 (it is made of the contract's constants, and of its names in another order)


class _Writing(Enum):
    """How a field's values are written: all as strings, all as numbers, or some so and some so."""

    QUOTED = "quoted"
    BARE = "bare"
    EITHER = "either"


def _written_fields(template: LineTemplate) -> dict[EventField, _Writing]:
    """Return the fields that the program writes, and those that every event must have, with how they are written."""
    fields: dict[EventField, _Writing] = {}
    for of_object, known in (
        (template.envelope, STAMPED_FIELDS),
        (template.event, TOP_LEVEL),
        (template.additional, ADDITIONAL_DATA_FIELDS),
    ):
        fields |= {
            field: _writing(field, of_object) for field in known if field.required or field.name in of_object.names
        }
    return fields


def _writing(field: EventField, template: ObjectTemplate) -> _Writing:
    if field in STAMPED_FIELDS:
        return _Writing.BARE if field.kind is Kind.MILLISECONDS else _Writing.QUOTED
    if field.kind in DIGIT_KINDS and field.name in template.either:
        return _Writing.EITHER
    return _Writing.BARE if field.name in template.bare and "number" in field.json_types else _Writing.QUOTED


def _text(field: EventField) -> str:
    """Return the column of what a line has in the place of a field."""
    return f"{field.column}_text"


def _cast(field: EventField) -> str:
    return "" if field.kind is Kind.MILLISECONDS else "::VARCHAR"


def _typed(field: EventField, writing: _Writing, is_refund: str) -> str:
    """Return a field's value from its text; a field that is written in either way has its JSON there."""
    text = _text(field)
    match field.kind:
        case Kind.TIME:
            return time_of(text)
        case Kind.MILLISECONDS:
            return f"CASE WHEN {text} BETWEEN 0 AND {_MAX_MILLISECONDS} THEN make_timestamp({text} * 1000) END"
        case Kind.NUMBER if writing is _Writing.BARE:
            return f"try_cast({text} AS DOUBLE)"
        case Kind.MONEY | Kind.NUMBER:
            return number_of(field, text, is_refund)
        case Kind.CURRENCY:
            return currency_of(text)
        case _ if writing is _Writing.EITHER:
            return f"CASE WHEN starts_with({text}, '\"') THEN {text}[2:-2] ELSE {digits_of(text)} END"
        case _:
            return digits_of(text) if writing is _Writing.BARE else text


def _extracted_type(field: EventField, writing: _Writing | None) -> str:
    """Return the type as which `json_transform` takes a field out of a line."""
    if field.kind is Kind.MILLISECONDS:
        return "BIGINT"
    return "JSON" if writing is _Writing.EITHER else "VARCHAR"


def _written(template: LineTemplate, writing: Mapping[EventField, _Writing]) -> str:
    """Return the expression that writes a line again from its values."""
    additional = _object(template.additional, _members(ADDITIONAL_DATA_FIELDS, template.additional, writing))
    if ADDITIONAL_DATA not in template.event.always:
        additional = [f"CASE WHEN has_additional THEN concat({_arguments(additional)}) END"]
    event = _object(template.event, {**_members(TOP_LEVEL, template.event, writing), ADDITIONAL_DATA: additional})
    envelope = _object(template.envelope, {**_members(STAMPED_FIELDS, template.envelope, writing), "event": event})
    return f"concat({_arguments(envelope)})"


def _members(
    fields: Iterable[EventField], template: ObjectTemplate, writing: Mapping[EventField, _Writing]
) -> dict[str, list[str]]:
    """Return the texts and columns that the value of each field is joined from."""
    return {field.name: _member(field, template.colon, writing[field]) for field in fields if field in writing}


def _member(field: EventField, colon: str, writing: _Writing) -> list[str]:
    text = _text(field)
    if writing is _Writing.QUOTED:
        return ["'\"'", text, "'\"'"]
    if field.kind is Kind.MONEY:  # in its shortest spelling, or with the second place although it is zero
        longer = f"contains(line, '\"{field.name}\"{colon}' || {text} || '0')"
        return [f"CASE WHEN {text}[-2] = '.' AND {longer} THEN {text} || '0' ELSE {text} END"]
    return [text]


def _object(template: ObjectTemplate, members: Mapping[str, list[str]]) -> list[str]:
    """Return the texts and columns that an object is joined from; a field that is NULL leaves nothing behind."""
    first_is_sure = template.names[:1] and template.names[0] in template.always
    parts: list[str] = []
    for number, name in enumerate(template.names):
        comma = "" if first_is_sure and number == 0 else template.comma
        member = [f"'{comma}\"{name}\"{template.colon}'", *members[name]]
        parts += member if name in template.always else [f"({' || '.join(member)})"]
    if parts and not first_is_sure:
        parts = [f"substr(concat({_arguments(parts)}), {len(template.comma) + 1})"]
    return ["'{'", *parts, "'}'"]


def _arguments(parts: list[str]) -> str:
    """Return parts with a comma between, texts that follow each other being one."""
    return ", ".join(parts).replace("', '", "")
