"""A chunk of raw lines → events as received and rejections: most lines at once in DuckDB, the rest one by one.

Why three ways: an hour has millions of lines and nearly all are ordinary, while the contract has corners that SQL can't
express without being slow or wrong. `template_rules` accepts lines written like their neighbours, `sql_rules` what else
is beyond doubt at twice the cost, and `validate_line` decides all the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from contracts.event_names import NAMES, EventNames
from contracts.tables import EVENT_COLUMNS, REJECTED_EVENTS
from spark_jobs.lake.arrow_types import arrow_schema, completed_to
from spark_jobs.validation.line import ColumnValue, Received, Rejected, validate_line
from spark_jobs.validation.sql_rules import LINES, sql_rules_query
from spark_jobs.validation.template_rules import NOT_JSON, LineTemplate, template_of, template_rules_query

#: Below this many lines, planning a query costs more than validating them one by one.
FEW_LINES: Final = 256
#: So many of a chunk's lines show how its lines are written.
_SAMPLE: Final = 100
#: The limit of one task's DuckDB: many times what a chunk needs, and little beside an executor's heap.
MEMORY_LIMIT: Final = "512MB"

#: Both tables' columns without those that a line does not determine (its landing hour and its object's key).
RECEIVED_SCHEMA: Final = arrow_schema(EVENT_COLUMNS)
REJECTED_SCHEMA: Final = arrow_schema(REJECTED_EVENTS.column(name) for name in Rejected.__slots__)


@dataclass(frozen=True, kw_only=True)
class Validated:
    """What became of a chunk's lines: lines = received rows + rejected rows."""

    lines: int
    received: pa.Table
    rejected: pa.Table


class LineValidator:
    """Validates chunks of lines in one thread, with a DuckDB of its own; a context manager.

    `names` say what event names mean; `others_query` decides lines that are not written like most.
    """

    def __init__(
        self, *, names: EventNames = NAMES, few_lines: int = FEW_LINES, others_query: str | None = None
    ) -> None:
        self._names = names
        self._few_lines = few_lines
        self._duckdb = duckdb.connect(
            config={
                "threads": 1,
                "memory_limit": MEMORY_LIMIT,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._others_query = others_query or sql_rules_query(names)
        #: API Gateway lets nothing through but JSON, so lines are taken for it until one is not.
        self._all_json = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._duckdb.close()

    def validate(self, chunk: bytes) -> Validated:
        """Return what becomes of the lines of `chunk`, which ends with a newline, or with the object's last line."""
        undecided = lines = _split(chunk)
        events: list[pa.Table] = []
        if len(lines) > self._few_lines:
            template = template_of(lines[:: len(lines) // _SAMPLE + 1].to_pylist())
            if template:
                valid, undecided = self._written_alike(template, undecided)
                events.append(valid)
            if len(undecided) > self._few_lines:
                valid, undecided = self._valid(self._others_query, undecided)
                events.append(valid)
        received, rejected = _validate_one_by_one(undecided, self._names)
        return Validated(lines=len(lines), received=pa.concat_tables([*events, received]), rejected=rejected)

    def _written_alike(self, template: LineTemplate, lines: pa.BinaryArray) -> tuple[pa.Table, pa.BinaryArray]:
        if self._all_json:
            try:
                return self._valid(template_rules_query(template, self._names, all_json=True), lines)
            except NOT_JSON:
                self._all_json = False
        return self._valid(template_rules_query(template, self._names), lines)

    def _valid(self, query: str, lines: pa.BinaryArray) -> tuple[pa.Table, pa.BinaryArray]:
        """Return the events on the lines that are valid by a query, and the other lines."""
        self._duckdb.register(LINES, pa.table({"line": _as_text(lines)}))
        try:
            rows = self._duckdb.execute(query).to_arrow_table()
        finally:
            self._duckdb.unregister(LINES)
        is_valid = rows.column("valid").combine_chunks()
        events = rows.drop_columns(["valid"]).filter(is_valid)
        return _named(completed_to(events, RECEIVED_SCHEMA), self._names), lines.filter(pc.invert(is_valid))


def _named(events: pa.Table, names: EventNames) -> pa.Table:
    """Return events, whose names are as they were sent, with the names that these stand for."""
    at = events.schema.get_field_index("event_name")
    sent = events.column(at).combine_chunks().dictionary_encode()
    meant = pa.array(map(names.of, sent.dictionary.to_pylist()), pa.string())
    if meant.equals(sent.dictionary):
        return events
    others = pc.if_else(pc.equal(meant, sent.dictionary), pa.scalar(None, pa.string()), sent.dictionary)
    for name, values in (("event_name", meant), ("sent_event_name", others)):
        at = events.schema.get_field_index(name)
        events = events.set_column(at, events.schema.field(at), values.take(sent.indices))
    return events


def _split(chunk: bytes) -> pa.BinaryArray:
    """Return the lines of a chunk without their newlines; a newline ends a line, so none begins after the last one."""
    if not chunk:
        return pa.array([], pa.binary())
    # One value, from the chunk's first byte to its last but the newline's, without a copy.
    ends = pa.array([0, len(chunk) - chunk.endswith(b"\n")], pa.int32())
    whole = pa.Array.from_buffers(pa.binary(), 1, [None, ends.buffers()[1], pa.py_buffer(chunk)])
    return pc.split_pattern(whole, b"\n").flatten()


def _as_text(lines: pa.BinaryArray) -> pa.StringArray:
    """Return lines as text, NULL where a line is not UTF-8."""
    try:
        return lines.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([line if _is_utf8(line) else None for line in lines.to_pylist()], pa.string())


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _validate_one_by_one(lines: pa.BinaryArray, names: EventNames) -> tuple[pa.Table, pa.Table]:
    received: list[Mapping[str, ColumnValue]] = []
    rejected: list[Rejected] = []
    for line in lines.to_pylist():
        outcome = validate_line(line, names)
        if isinstance(outcome, Received):
            received.append(outcome.values)
        else:
            rejected.append(outcome)
    columns = [[values[name] for values in received] for name in RECEIVED_SCHEMA.names]
    return pa.table(columns, schema=RECEIVED_SCHEMA), rejected_table(rejected)


def rejected_table(rows: Sequence[Rejected]) -> pa.Table:
    """Return rejections as a table."""
    # Not asdict(): it copies each value deeply, which takes as long as validating the line.
    columns = [[getattr(row, name) for row in rows] for name in REJECTED_SCHEMA.names]
    return pa.table(columns, schema=REJECTED_SCHEMA)
