"""The SQL that decides most lines by the thousand: which are beyond doubt an event, and that event's columns.

DuckDB's JSON reader is quick but laxer than RFC 8259 (NaN, trailing commas, repeated names), and its casts are laxer
than the contract. So the query is sound rather than complete: `valid` is true only where every rule is known to hold;
every other line, good or bad, is left to `validate_line`, which defines what is right.

The query is built from the contract's fields: each kind of field has its SQL here, and what both queries share has no
underscore before its name.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import timedelta
from json import dumps as json_text
from typing import Final

from contracts.envelope import STAMPED_FIELDS
from contracts.event import (
    ADDITIONAL_DATA,
    ADDITIONAL_DATA_FIELDS,
    MAX_EVENT_NAME_LENGTH,
    MAX_LINE_BYTES,
    MAX_NESTING,
    REFUND,
    STANDARD_EVENTS,
    VALUE_FIELDS,
    EventField,
    Kind,
)
from contracts.event_names import NAMES, EventNames
from contracts.rules import ALLOWED_CLOCK_SKEW, ALLOWED_LATENESS
from contracts.timestamps import EPOCH_UNITS

#: The relation that the query reads; its one column is `line`, text or NULL.
LINES: Final = "lines"

EVENT_NAME: Final = next(field for field in VALUE_FIELDS if field.path == "event_name")
#: Every field with a column: the envelope's, the event's and those of `additional_data`.
FIELDS: Final = (*STAMPED_FIELDS, *VALUE_FIELDS)
TOP_LEVEL: Final = tuple(field for field in VALUE_FIELDS if field not in ADDITIONAL_DATA_FIELDS)
#: The kinds whose value is the string itself.
STRING_KINDS: Final = frozenset({Kind.TEXT, Kind.ID, Kind.URL, Kind.ADDRESS, Kind.CURRENCY, Kind.EVENT_NAME})
#: Those of them that a whole number fits as well.
DIGIT_KINDS: Final = frozenset({Kind.TEXT, Kind.ID})
#: The kinds whose value is parsed, be it written as a string or as a number.
_BARE_KINDS: Final = frozenset({Kind.TIME, Kind.NUMBER, Kind.MONEY})

_DATE: Final = r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_MINUTE: Final = r"([01]\d|2[0-3]):[0-5]\d"
_ZONE: Final = r"[+-]([01]\d|2[0-3])(:?[0-5]\d)?"
#: What DuckDB's casts read as the contract does, of timestamps without a zone and with one.
_PLAIN: Final = rf"{_DATE}[T ]{_MINUTE}(:[0-5]\d(\.\d{{1,9}})?)?"
_ZONED: Final = rf"{_DATE}[T ]{_MINUTE}:[0-5]\d(\.\d{{1,9}})?(Z|{_ZONE})"
#: Seconds, milliseconds or microseconds.
_EPOCH: Final = r"\d{1,17}"
#: The other forms but for leap seconds, to be written again as one that DuckDB reads.
_OTHER: Final = (
    rf"[ \t\r\n]*({_DATE})[Tt ]({_MINUTE})(?::([0-5]\d)(?:[.,](\d{{1,9}}))?)?(?: ?(Z|z|UTC|{_ZONE}))?[ \t\r\n]*"
)
_OTHER_PARTS: Final = ("date", "_y", "_m", "_d", "minute", "_h", "second", "fraction", "zone", "_zh", "_zm")
#: With at most 15 digits before the point a cast from the shortest spelling is exact, and rounds half up.
_PRICE: Final = r"(0|[1-9]\d{0,14})(\.\d{1,20})?"
_NUMBER: Final = r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?"
_WHOLE: Final = r"0|-?[1-9]\d*"
#: An empty text, as JSON.
_EMPTY: Final = "'\"\"'"
_MILLISECONDS: Final = r"\d{1,14}"


def sql_rules_query(names: EventNames = NAMES) -> str:
    """Return the query over `lines`: for each, in order, `valid` and columns of a received event, else NULL.

    `names` say which events are refunds; the event's name is as it was sent.
    """
    refund_names = [json_text(name, ensure_ascii=False) for name in names.spellings(REFUND)]
    is_refund = is_one_of(_json(EVENT_NAME), refund_names)
    return f"""
WITH json_lines AS (
    SELECT CASE WHEN strlen(line) < {MAX_LINE_BYTES} AND NOT regexp_matches(line, ',[ \\t\\r]*[}}\\]]')
                     AND json_valid(line) THEN line END AS line
    FROM {LINES}
), parsed AS (
    SELECT line, json_transform(line, '{structure(FIELDS, lambda _: "JSON")}') AS envelope,
           json_keys(line, ['$', '$.event', '$.event.{ADDITIONAL_DATA}']) AS names
    FROM json_lines
), fields AS (
    SELECT line, names[1] AS envelope_names, names[2] AS event_names, names[3] AS additional_names,
           {", ".join(f"{extracted(field)}::VARCHAR AS {_json(field)}" for field in FIELDS)}
    FROM parsed
), texts AS (
    SELECT *, {", ".join(f"{_unquoted(field)} AS {_bare(field)}" for field in FIELDS if field.kind in _BARE_KINDS)}
    FROM fields
), typed AS (
    SELECT *,
           {_present(TOP_LEVEL)} + {_present(ADDITIONAL_DATA_FIELDS)} + coalesce(len(additional_names) > 0, false)::INT
               = len(event_names) + coalesce(len(additional_names), 0) AS only_known,
           {", ".join(f"{_typed(field, is_refund)} AS {field.column}" for field in FIELDS)}
    FROM texts
), completed AS ({completed(FIELDS, _json, _EMPTY)})
SELECT coalesce({_rules()}, false) AS valid, {received_columns(FIELDS)},
       CASE WHEN NOT only_known THEN {_extra()} END AS extra
FROM completed
"""  # noqa: S608 (it is made of the contract's constants)


def structure(fields: Iterable[EventField], type_of: Callable[[EventField], str]) -> str:
    """Return what `json_transform` takes out of a line: each of the fields as the type that `type_of` names.

    It takes no object that has no fields, so it takes one of `additional_data` in any case.
    """
    taken = {*fields, ADDITIONAL_DATA_FIELDS[0]}
    stamped, event, additional = (
        ",".join(f'"{field.name}":"{type_of(field)}"' for field in of_object if field in taken)
        for of_object in (STAMPED_FIELDS, TOP_LEVEL, ADDITIONAL_DATA_FIELDS)
    )
    return f'{{{stamped},"event":{{{event},"{ADDITIONAL_DATA}":{{{additional}}}}}}}'


def extracted(field: EventField) -> str:
    """Return the place of a field in what `json_transform` takes out of a line."""
    if field in STAMPED_FIELDS:
        return f'envelope."{field.name}"'
    return ".".join(["envelope", "event", *(f'"{name}"' for name in field.path.split("."))])


def completed(fields: Collection[EventField], written: Callable[[EventField], str], empty: str) -> str:
    """Return the query of `typed` that lets fields stand in for others, and corrects a clock that is wrong.

    `written` and `empty` are those of `value_rules`.
    """
    names = {field.path for field in fields}
    changed = [
        f"CASE WHEN coalesce({written(field)}, {empty}) = {empty} THEN {field.stand_in} ELSE {field.column} END "
        f"AS {field.column}"
        for field in fields
        if field.stand_in in names
    ]
    is_wrong = "false"
    if "sent_at" in names:
        skew = int(ALLOWED_CLOCK_SKEW.total_seconds() * 1_000_000)
        is_wrong = f"coalesce(abs(epoch_us(received_at) - epoch_us(sent_at)) > {skew}, false)"
        corrected = "make_timestamp(epoch_us(received_at) - (epoch_us(sent_at) - epoch_us(event_time)))"
        changed.append(f"CASE WHEN clock_corrected THEN {corrected} ELSE event_time END AS event_time")
    replaced = f"REPLACE ({', '.join(changed)})" if changed else ""
    return f"SELECT * {replaced} FROM (SELECT *, {is_wrong} AS clock_corrected FROM typed)"  # noqa: S608 (constants)


def time_of(text: str) -> str:
    """Return the time that a text, or the text of a number, names; NULL for what is none, or unusual."""
    parts = f"regexp_extract({text}, '^{_OTHER}$', {list(_OTHER_PARTS)})"
    zone = "CASE WHEN part.zone IN ('', 'Z', 'z', 'UTC') THEN '+00' ELSE part.zone END"
    written = (
        "concat(part.date, ' ', part.minute, ':', coalesce(nullif(part.second, ''), '00'), '.', "
        f"coalesce(nullif(part.fraction, ''), '0'), {zone})"
    )
    return (
        f"CASE WHEN regexp_full_match({text}, '{_PLAIN}') THEN try_cast({text} AS TIMESTAMP) "
        f"WHEN regexp_full_match({text}, '{_ZONED}') "
        f"THEN make_timestamp(epoch_us(try_cast({text} AS TIMESTAMPTZ))) "
        f"WHEN regexp_full_match({text}, '{_EPOCH}') THEN make_timestamp({_epoch_microseconds(f'{text}::BIGINT')}) "
        f"WHEN regexp_full_match({text}, '{_OTHER}') THEN make_timestamp(epoch_us(try_cast("
        f"list_transform([{parts}], lambda part: {written})[1] AS TIMESTAMPTZ))) END"
    )


def _epoch_microseconds(number: str) -> str:
    units = (f"WHEN {number} < {limit} THEN {number} * {10**power}" for limit, power in EPOCH_UNITS)
    return f"CASE {' '.join(units)} END"


def number_of(field: EventField, number: str, is_refund: str) -> str:
    """Return a field's value from the text of a number; NULL for what is none, or unusual.

    `is_refund` is the condition that the event is a refund, whose money may be negative. Of one by a name that is
    spelled in another way, a negative price is left to `validate_line`.
    """
    if field.kind is Kind.MONEY:
        return (
            f"CASE WHEN regexp_full_match({number}, '{_PRICE}') THEN {number}::DECIMAL(18,2) "
            f"WHEN {is_refund} AND regexp_full_match({number}, '-{_PRICE}') THEN {number}[2:]::DECIMAL(18,2) END"
        )
    return f"CASE WHEN regexp_full_match({number}, '{_NUMBER}') THEN try_cast({number} AS DOUBLE) END"


def is_one_of(value: str, texts: Iterable[str]) -> str:
    """Return the condition that a value is one of some texts; a text with unprintable characters is left out."""
    literals = ["'{}'".format(text.replace("'", "''")) for text in texts if text.isprintable()]
    return f"{value} IN ({', '.join(literals)})" if literals else "false"


def digits_of(number: str) -> str:
    """Return a whole number as text; NULL for another."""
    return f"CASE WHEN regexp_full_match({number}, '{_WHOLE}') THEN {number} END"


def currency_of(text: str) -> str:
    """Return a currency's code; NULL for what is none. Of other letters `upper` makes ASCII ones: `ı` becomes `I`."""
    return f"CASE WHEN regexp_full_match({text}, '[A-Za-z]{{3}}') THEN upper({text}) END"


def value_rules(fields: Iterable[EventField], written: Callable[[EventField], str], empty: str) -> Iterator[str]:
    """Yield the conditions that the columns' values obey the rules of the fields; JSON types are checked elsewhere.

    `written` is what the line has in the place of a field, NULL if nothing; `empty` is how an empty text looks there.
    """
    for field in fields:
        rule = _value_rule(field.column, field)
        if field.required:
            yield rule
        elif rule:
            yield f"({written(field)} IS NULL OR {written(field)} = {empty} OR {rule})"
    yield f"received_at - event_time <= {_interval(ALLOWED_LATENESS)}"
    yield f"event_time - received_at <= {_interval(ALLOWED_CLOCK_SKEW)}"


def _value_rule(column: str, field: EventField) -> str:
    """Return the condition that a value obeys the rule of its field, which is empty if every value does."""
    match field.kind:
        case _ if field.max_length is not None:
            return f"length({column}) BETWEEN {int(field.required)} AND {field.max_length}"
        case Kind.EVENT_NAME:
            length = f"length(trim({column})) BETWEEN 1 AND {MAX_EVENT_NAME_LENGTH}"
            custom = rf"({length} AND NOT regexp_matches({column}, '[\x00-\x1f\x7f-\x{{9f}}]'))"
            return f"({column} IN {STANDARD_EVENTS} OR {custom})"
        case Kind.NUMBER:
            return f"isfinite({column})"
        case Kind.ADDRESS:
            return ""
        case _:
            return f"{column} IS NOT NULL"


def _interval(length: timedelta) -> str:
    return f"INTERVAL {int(length.total_seconds())} SECOND"


def received_columns(fields: Iterable[EventField]) -> str:
    """Return the columns of these fields in a received event, and `clock_corrected`; an optional empty text is NULL."""
    return ", ".join(
        (
            *(
                f"nullif({field.column}, '') AS {field.column}"
                if field.kind in STRING_KINDS and not field.required
                else field.column
                for field in fields
            ),
            "clock_corrected",
        )
    )


def _json(field: EventField) -> str:
    """Return the column of a field's JSON text."""
    return f"{field.column}_json"


def _present(fields: Iterable[EventField]) -> str:
    return "(" + " + ".join(f"({_json(field)} IS NOT NULL)::INT" for field in fields) + ")"


def _typed(field: EventField, is_refund: str) -> str:
    """Return a field's value from its JSON; NULL where that has another type, or is unusual."""
    json = _json(field)
    match field.kind:
        case Kind.MILLISECONDS:
            return (
                f"CASE WHEN regexp_full_match({json}, '{_MILLISECONDS}') THEN make_timestamp({json}::BIGINT * 1000) END"
            )
        case Kind.TIME:
            return time_of(_bare(field))
        case Kind.MONEY | Kind.NUMBER:
            return number_of(field, _bare(field), is_refund)
        case Kind.TEXT | Kind.ID:
            return f"CASE WHEN starts_with({json}, '\"') THEN {_text(json)} ELSE {digits_of(json)} END"
        case Kind.CURRENCY:
            return currency_of(_text(json))
        case _:
            return _text(json)


def _bare(field: EventField) -> str:
    """Return the column of a field's JSON without the quotes of a string."""
    return f"{field.column}_bare"


def _unquoted(field: EventField) -> str:
    """Return a JSON string or number without quotes; of no use for a string with an escape."""
    json = _json(field)
    return f"CASE WHEN starts_with({json}, '\"') THEN {json}[2:-2] ELSE {json} END"


def _text(json: str) -> str:
    """Return the string in a JSON string; only one with an escape needs a parser again."""
    return f"CASE WHEN contains({json}, '\\') THEN json_extract_string({json}, '$') ELSE {json}[2:-2] END"


def _rules() -> str:
    """Return the condition that every rule of the contract is known to hold."""
    return " AND ".join(
        (
            f"len(envelope_names) = {_present(STAMPED_FIELDS)} + 1",
            *_type_rules(),
            *value_rules(FIELDS, _json, _EMPTY),
            f"CASE WHEN only_known THEN true ELSE {_unknown_is_sound()} END",
        )
    )


def _type_rules() -> Iterator[str]:
    """Yield the conditions that fields have their JSON type, where a value of another type could pass for it."""
    for field in FIELDS:
        json = _json(field)
        if field.kind in STRING_KINDS and (field.kind not in DIGIT_KINDS or field in STAMPED_FIELDS):
            yield f"starts_with({json}, '\"')" if field.required else f"({json} IS NULL OR starts_with({json}, '\"'))"


def _unknown_is_sound() -> str:
    """Return the condition, for a line with fields that the contract does not know or null ones, that it may have them.

    No name is there twice, nothing can nest too deep, and nothing in it looks like the NaN that DuckDB lets pass.
    """
    return f"""(
           len(event_names) = len(list_distinct(event_names))
           AND coalesce(len(additional_names) = len(list_distinct(additional_names)), true)
           AND coalesce(len(additional_names) > 0 OR
               json_type(line, '$.event.{ADDITIONAL_DATA}') IN ('OBJECT', 'NULL'), true)
           AND length(regexp_replace(line, '[^\\[{{]', '', 'g')) <= {MAX_NESTING}
           AND NOT regexp_matches(line, '(?i)[:,\\[ \\t\\r]-?(nan|inf)'))"""


def _extra() -> str:
    """Return the event without its known fields: a merge patch (RFC 7396) removes what it sets to null."""
    known = ",".join(f'"{field.name}":null' for field in TOP_LEVEL)
    nested = ",".join(f'"{field.name}":null' for field in ADDITIONAL_DATA_FIELDS)
    names = ", ".join(f"'{field.name}'" for field in ADDITIONAL_DATA_FIELDS)
    unknown_nested = f"len(list_filter(additional_names, lambda name: name NOT IN ({names}))) > 0"
    return f"""nullif(json_merge_patch(json_extract(line, '$.event'),
           CASE WHEN {unknown_nested} THEN '{{{known},"{ADDITIONAL_DATA}":{{{nested}}}}}'
                ELSE '{{{known},"{ADDITIONAL_DATA}":null}}' END)::VARCHAR, '{{}}')"""
