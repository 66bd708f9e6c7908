"""The SQL that decides lines that are spelled as most are: read once, and proven by being written again.

`ordinary_lines` has to ask of a line which fields it has, whether one is there twice, and what DuckDB's reader forgave:
several readings of it. Here the known fields are taken out as text and put together again as the layout says; a line
that comes out as it was, byte for byte, holds them, each once and of its type, and nothing else. For without a
backslash in the line no value has a quote in it, so that each string ends where its quote does; and what stands without
quotes is asked whether it is a number. Every other line is left to `ordinary_lines`.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from contracts.event import (
    ALLOWED_CLOCK_SKEW,
    ALLOWED_LATENESS,
    EVENT_NAME_PATTERN,
    MAX_CLICK_ID_LENGTH,
    MAX_LINE_BYTES,
    MAX_USER_ID_LENGTH,
    STANDARD_EVENTS,
)
from spark_jobs.judging.line_layout import ADDITIONAL_NAMES, ENVELOPE_NAMES, EVENT_NAMES, LineLayout, ObjectLayout
from spark_jobs.judging.ordinary_lines import LINES, PLAIN, PRICE, ZONED, interval

#: What stands in a line as it was taken out of it: numbers, and what may be one.
_UNQUOTED: Final = frozenset({"received_at", "time_on_data", "percent_viewed", "price", "product_id"})
#: Of `received_at`: 14 digits, the year 5138.
_MAX_MILLISECONDS: Final = 10**14 - 1
_NAMES: Final = (*ENVELOPE_NAMES, *EVENT_NAMES, *ADDITIONAL_NAMES)


def spelled_lines_query(layout: LineLayout) -> str:
    """Return the query over `lines`: the columns of `ordinary_lines_query`, `ordinary` being true of fewer."""
    return f"""
WITH parsed AS (
    SELECT line, CASE WHEN strlen(line) < {MAX_LINE_BYTES} AND NOT contains(line, '\\')
                      THEN TRY(json_transform(line, '{_structure()}')) END AS envelope
    FROM {LINES}
), fields AS (
    SELECT line, envelope.event.additional_data IS NOT NULL AS has_additional, {_flattened()}
    FROM parsed
), typed AS (
    SELECT *, line = {_written(layout)} AS is_spelled,
           {_timestamp("timestamp")} AS event_time,
           {_timestamp("insertion_timestamp")} AS inserted,
           CASE WHEN received_at BETWEEN 0 AND {_MAX_MILLISECONDS}
                THEN make_timestamp(received_at * 1000) END AS arrived,
           CASE WHEN regexp_full_match(price, '{PRICE}') THEN price::DECIMAL(18,2) END AS money,
           CASE WHEN starts_with(product_id, '"') THEN product_id[2:-2]
                WHEN regexp_full_match(product_id, '-?[0-9]{{1,15}}') THEN product_id END AS product,
           try_cast(time_on_data AS DOUBLE) AS seconds, try_cast(percent_viewed AS DOUBLE) AS percent
    FROM fields
)
SELECT coalesce(
           is_spelled AND length(user_id) BETWEEN 1 AND {MAX_USER_ID_LENGTH}
           AND length(click_id) BETWEEN 1 AND {MAX_CLICK_ID_LENGTH}
           AND (event_name IN {STANDARD_EVENTS} OR regexp_full_match(event_name, '{EVENT_NAME_PATTERN}'))
           AND arrived - event_time <= {interval(ALLOWED_LATENESS)}
           AND event_time - arrived <= {interval(ALLOWED_CLOCK_SKEW)}
           AND (coalesce(insertion_timestamp, '') = '' OR inserted IS NOT NULL)
           AND (time_on_data IS NULL OR isfinite(seconds)) AND (percent_viewed IS NULL OR isfinite(percent))
           AND (price IS NULL OR money IS NOT NULL) AND (product_id IS NULL OR product IS NOT NULL), false
       ) AS ordinary,
       event_time, arrived AS received_at, user_id, click_id, event_name, nullif(pixel_id, '') AS pixel_id,
       nullif(product, '') AS product_id, money AS price, seconds AS time_on_data, percent AS percent_viewed,
       inserted AS insertion_timestamp, nullif(user_ip, '') AS user_ip, nullif(source_ip, '') AS source_ip,
       nullif(user_agent, '') AS user_agent, nullif(request_id, '') AS request_id, NULL::VARCHAR AS extra
FROM typed
"""  # noqa: S608 (it is made of the contract's constants, and of its names in another order)


def _structure() -> str:
    """Return what `json_transform` takes out of a line: texts, and of a field that has two types its JSON."""
    envelope = _types(name for name in ENVELOPE_NAMES if name not in {"received_at", "event"})
    event = _types(name for name in EVENT_NAMES if name != "additional_data")
    additional = f'"additional_data":{{{_types(ADDITIONAL_NAMES)}}}'
    return f'{{"received_at":"BIGINT",{envelope},"event":{{{event},{additional}}}}}'


def _types(names: Iterable[str]) -> str:
    return ",".join(f'"{name}":"{"JSON" if name == "product_id" else "VARCHAR"}"' for name in names)


def _flattened() -> str:
    paths = [
        *(f"envelope.{name}" for name in ENVELOPE_NAMES if name != "event"),
        *(f'envelope.event."{name}"' for name in EVENT_NAMES if name != "additional_data"),
        *(f"envelope.event.additional_data.{name}::VARCHAR AS {name}" for name in ADDITIONAL_NAMES),
    ]
    return ", ".join(paths)


def _written(layout: LineLayout) -> str:
    """Return the expression that writes a line again from its values."""
    values = {name: [name] if name in _UNQUOTED else ["'\"'", f'"{name}"', "'\"'"] for name in _NAMES}
    values["price"] = [_price(layout.additional.colon)]
    additional = _object(layout.additional, values)
    if "additional_data" not in layout.event.always:
        additional = [f"CASE WHEN has_additional THEN concat({_arguments(additional)}) END"]
    event = _object(layout.event, {**values, "additional_data": additional})
    return f"concat({_arguments(_object(layout.envelope, {**values, 'event': event}))})"


def _price(colon: str) -> str:
    """Return a price as a line may spell it: in its shortest spelling, or with the second place although it is zero."""
    return (
        f"CASE WHEN price[-2] = '.' AND contains(line, '\"price\"{colon}' || price || '0') "
        "THEN price || '0' ELSE price END"
    )


def _object(layout: ObjectLayout, values: Mapping[str, list[str]]) -> list[str]:
    """Return the texts and columns that an object is joined from; a field that is NULL leaves nothing behind."""
    first_is_sure = layout.names[:1] and layout.names[0] in layout.always
    parts: list[str] = []
    for number, name in enumerate(layout.names):
        comma = "" if first_is_sure and number == 0 else layout.comma
        member = [f"'{comma}\"{name}\"{layout.colon}'", *values[name]]
        parts += member if name in layout.always else [f"({' || '.join(member)})"]
    if parts and not first_is_sure:
        parts = [f"substr(concat({_arguments(parts)}), {len(layout.comma) + 1})"]
    return ["'{'", *parts, "'}'"]


def _arguments(parts: list[str]) -> str:
    """Return parts with a comma between, texts that follow each other being one."""
    return ", ".join(parts).replace("', '", "")


def _timestamp(name: str) -> str:
    return (
        f'CASE WHEN regexp_full_match("{name}", \'{PLAIN}\') THEN try_cast("{name}" AS TIMESTAMP) '
        f"WHEN regexp_full_match(\"{name}\", '{ZONED}') "
        f'THEN make_timestamp(epoch_us(try_cast("{name}" AS TIMESTAMPTZ))) END'
    )
