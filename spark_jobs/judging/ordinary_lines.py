"""The SQL that decides ordinary lines by the thousand: which are beyond doubt an event, and that event's columns.

DuckDB's JSON reader is quick but laxer than RFC 8259 (NaN, trailing commas, repeated names), and its casts are laxer
than the contract. So the query is sound rather than complete: `ordinary` is true only where every rule is known to
hold; every other line, good or bad, is left to `judge_line`, which defines what is right.
"""

from datetime import timedelta
from typing import Final

from contracts.event import (
    ADDITIONAL_DATA_FIELDS,
    ALLOWED_CLOCK_SKEW,
    ALLOWED_LATENESS,
    EVENT_NAME_PATTERN,
    MAX_CLICK_ID_LENGTH,
    MAX_LINE_BYTES,
    MAX_NESTING,
    MAX_USER_ID_LENGTH,
    STANDARD_EVENTS,
    TOP_LEVEL_FIELDS,
)

#: Of the relation that the query reads; its one column is `line`, text or NULL.
LINES: Final = "lines"

_STAMPED: Final = ("received_at", "request_id", "source_ip", "user_agent")
_TOP_LEVEL: Final = tuple(field.path for field in TOP_LEVEL_FIELDS if field.path != "additional_data")
_ADDITIONAL: Final = tuple(field.path.removeprefix("additional_data.") for field in ADDITIONAL_DATA_FIELDS)

_DATE: Final = r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_TIME: Final = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d"
#: Timestamps in the two formats of the contract, but for spellings and years that are unusual.
PLAIN: Final = rf"{_DATE} {_TIME}(\.\d{{1,6}})?"
ZONED: Final = rf"{_DATE}[T ]{_TIME}(\.\d{{1,9}})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
#: With at most 15 digits before the point a cast from the shortest spelling is exact, and rounds half up.
PRICE: Final = r"\d{1,15}(\.\d{1,20})?"
_WHOLE: Final = r"-?\d{1,15}(\.0)?"
_MILLISECONDS: Final = r"\d{1,14}"


def ordinary_lines_query() -> str:
    """Return the query over `lines`: for each, in order, `ordinary` and the columns of `judgement.Received`."""
    return f"""
WITH json_lines AS (
    SELECT CASE WHEN strlen(line) < {MAX_LINE_BYTES} AND NOT regexp_matches(line, ',[ \\t\\r]*[}}\\]]')
                     AND json_valid(line) THEN line END AS line
    FROM {LINES}
), parsed AS (
    SELECT line, json_transform(line, '{_structure()}') AS envelope,
           json_keys(line, ['$', '$.event', '$.event.additional_data']) AS names
    FROM json_lines
), fields AS (
    SELECT line, names[1] AS envelope_names, names[2] AS event_names, names[3] AS additional_names,
           {_flattened()}
    FROM parsed
), typed AS (
    SELECT *,
           {_present(_TOP_LEVEL)} + {_present(_ADDITIONAL)} + coalesce(len(additional_names) > 0, false)::INT
               = len(event_names) + coalesce(len(additional_names), 0) AS only_known,
           {_timestamp("timestamp")} AS event_time,
           {_timestamp("insertion_timestamp")} AS insertion_timestamp,
           CASE WHEN regexp_full_match(received_at_json, '{_MILLISECONDS}')
                THEN make_timestamp(received_at_json::BIGINT * 1000) END AS received_at,
           {_text("user_id")} AS user_id,
           {_text("click_id")} AS click_id,
           {_text("event_name")} AS event_name,
           CASE WHEN regexp_full_match(price_json, '{PRICE}') THEN price_json::DECIMAL(18,2) END AS price,
           try_cast(time_on_data_json AS DOUBLE) AS time_on_data,
           try_cast(percent_viewed_json AS DOUBLE) AS percent_viewed,
           CASE WHEN starts_with(product_id_json, '"') THEN {_text("product_id")}
                WHEN regexp_full_match(product_id_json, '{_WHOLE}')
                THEN nullif(regexp_replace(product_id_json, '\\.0$', ''), '-0') END AS product_id
    FROM fields
)
SELECT coalesce({_rules()}, false) AS ordinary,
       event_time, received_at, user_id, click_id, event_name,
       {_optional_text("pixel_id")} AS pixel_id,
       nullif(product_id, '') AS product_id, price, time_on_data, percent_viewed, insertion_timestamp,
       {_optional_text("user_ip")} AS user_ip,
       {_optional_text("source_ip")} AS source_ip,
       {_optional_text("user_agent")} AS user_agent,
       {_optional_text("request_id")} AS request_id,
       CASE WHEN NOT only_known THEN {_extra()} END AS extra
FROM typed
"""  # noqa: S608 (it is made of the contract's constants)


def _rules() -> str:
    """Return the condition that every rule of the contract is known to hold."""
    return f"""
       len(envelope_names) = {_present(_STAMPED)} + 1 AND {_is_text("request_id", "source_ip", "user_agent")}
       AND received_at IS NOT NULL
       AND starts_with(user_id_json, '"') AND length(user_id) BETWEEN 1 AND {MAX_USER_ID_LENGTH}
       AND starts_with(click_id_json, '"') AND length(click_id) BETWEEN 1 AND {MAX_CLICK_ID_LENGTH}
       AND starts_with(event_name_json, '"')
       AND (event_name IN {STANDARD_EVENTS} OR regexp_full_match(event_name, '{EVENT_NAME_PATTERN}'))
       AND received_at - event_time <= {interval(ALLOWED_LATENESS)}
       AND event_time - received_at <= {interval(ALLOWED_CLOCK_SKEW)}
       AND {_is_text("pixel_id", "user_ip")}
       AND (insertion_timestamp_json IS NULL OR insertion_timestamp_json = '""' OR insertion_timestamp IS NOT NULL)
       AND {_is_finite("time_on_data")} AND {_is_finite("percent_viewed")}
       AND (price_json IS NULL OR price IS NOT NULL) AND (product_id_json IS NULL OR product_id IS NOT NULL)
       AND CASE WHEN only_known THEN true ELSE {_unknown_is_sound()} END"""


def _unknown_is_sound() -> str:
    """Return the condition, for a line with fields that the contract does not know or null ones, that it may have them.

    No name is there twice, nothing can nest too deep, and nothing in it looks like the NaN that DuckDB lets pass.
    """
    return f"""(
           len(event_names) = len(list_distinct(event_names))
           AND coalesce(len(additional_names) = len(list_distinct(additional_names)), true)
           AND coalesce(len(additional_names) > 0 OR
               json_type(line, '$.event.additional_data') IN ('OBJECT', 'NULL'), true)
           AND length(regexp_replace(line, '[^\\[{{]', '', 'g')) <= {MAX_NESTING}
           AND NOT regexp_matches(line, '(?i)[:,\\[ \\t\\r]-?(nan|inf)'))"""


def _extra() -> str:
    """Return the event without its known fields: a merge patch (RFC 7396) removes what it sets to null."""
    known = ",".join(f'"{name}":null' for name in _TOP_LEVEL)
    nested = ",".join(f'"{name}":null' for name in _ADDITIONAL)
    unknown_nested = f"len(list_filter(additional_names, lambda name: name NOT IN {_ADDITIONAL})) > 0"
    return f"""nullif(json_merge_patch(json_extract(line, '$.event'),
           CASE WHEN {unknown_nested} THEN '{{{known},"additional_data":{{{nested}}}}}'
                ELSE '{{{known},"additional_data":null}}' END)::VARCHAR, '{{}}')"""


def _structure() -> str:
    """Return what `json_transform` takes out of a line: each known field as JSON text, which shows its type."""
    additional = _as_json(_ADDITIONAL)
    return f'{{{_as_json(_STAMPED)},"event":{{{_as_json(_TOP_LEVEL)},"additional_data":{{{additional}}}}}}}'


def _as_json(names: tuple[str, ...]) -> str:
    return ",".join(f'"{name}":"JSON"' for name in names)


def _flattened() -> str:
    paths = [
        *((name, f"envelope.{name}") for name in _STAMPED),
        *((name, f'envelope.event."{name}"') for name in _TOP_LEVEL),
        *((name, f"envelope.event.additional_data.{name}") for name in _ADDITIONAL),
    ]
    return ", ".join(f"{path}::VARCHAR AS {name}_json" for name, path in paths)


def _present(names: tuple[str, ...]) -> str:
    return "(" + " + ".join(f"({name}_json IS NOT NULL)::INT" for name in names) + ")"


def _text(name: str) -> str:
    """Return the string in a JSON string; only one with an escape needs a parser again."""
    return (
        f"CASE WHEN contains({name}_json, '\\') THEN json_extract_string({name}_json, '$') ELSE {name}_json[2:-2] END"
    )


def _optional_text(name: str) -> str:
    return f"nullif({_text(name)}, '')"


def _is_text(*names: str) -> str:
    return " AND ".join(f"({name}_json IS NULL OR starts_with({name}_json, '\"'))" for name in names)


def _is_finite(name: str) -> str:
    """Return that a field is absent or a number; a JSON string does not begin like one, and NaN is not finite."""
    return f"({name}_json IS NULL OR (isfinite({name}) AND NOT starts_with({name}_json, '\"')))"


def _timestamp(name: str) -> str:
    """Return a timestamp in the first format (UTC) or the second; NULL for what is neither, or unusual."""
    return (
        f"CASE WHEN regexp_full_match({name}_json, '\"{PLAIN}\"') THEN try_cast({name}_json[2:-2] AS TIMESTAMP) "
        f"WHEN regexp_full_match({name}_json, '\"{ZONED}\"') "
        f"THEN make_timestamp(epoch_us(try_cast({name}_json[2:-2] AS TIMESTAMPTZ))) END"
    )


def interval(length: timedelta) -> str:
    return f"INTERVAL {int(length.total_seconds())} SECOND"
