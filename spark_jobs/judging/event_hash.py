"""An event's columns → a hash of them, the same on every machine and with every version of DuckDB.

Half of an MD5: DuckDB's own `hash` may change with its version, and an hour made before would then break ties otherwise
than one made after. Lengths and a bit for each null keep different events apart whose texts join to the same one.
"""

from typing import Final

from contracts.tables import EVENT_COLUMNS

#: Of the relation that `event_hash_query` reads, with the columns of `judgement.RECEIVED_SCHEMA`.
EVENTS: Final = "events"


def event_hash_query() -> str:
    """Return the query over `events`: the `event_hash` of each row, in order."""
    nulls = " + ".join(
        f"({column.name} IS NULL)::INT * {1 << bit}" for bit, column in enumerate(EVENT_COLUMNS) if column.nullable
    )
    lengths = [f"strlen({column.name})" for column in EVENT_COLUMNS if column.type == "string"]
    values = [f"epoch_us({column.name})" if column.type == "timestamp" else column.name for column in EVENT_COLUMNS]
    text = f"concat_ws('|', {nulls}, {', '.join([*lengths, *values])})"
    return f"SELECT (md5_number_lower({text}) >> 1)::BIGINT AS event_hash FROM {EVENTS}"  # noqa: S608 (constants)
