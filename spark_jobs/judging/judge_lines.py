"""A chunk of raw lines → events as received and rejections: ordinary lines at once in DuckDB, the rest one by one.

Why three ways: an hour has millions of lines and nearly all are ordinary, while the contract has corners that SQL can't
express without being slow or wrong. `spelled_lines` accepts those that look like their neighbours, `ordinary_lines`
what else is beyond doubt at twice the cost, and `judge_line` decides all the rest.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.judging.judge_line import judge_line
from spark_jobs.judging.judgement import RECEIVED_SCHEMA, REJECTED_SCHEMA, Received, Rejected
from spark_jobs.judging.line_layout import layout_of
from spark_jobs.judging.ordinary_lines import LINES, ordinary_lines_query
from spark_jobs.judging.spelled_lines import spelled_lines_query

#: Below as many lines planning a query costs more than judging them one by one.
FEW_LINES: Final = 256
#: As many of a chunk's lines tell how it is spelled.
_SAMPLE: Final = 100
#: Of one task's DuckDB: many times what a chunk needs, and little beside an executor's heap.
MEMORY_LIMIT: Final = "512MB"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What became of a chunk's lines: lines = received rows + rejected rows."""

    lines: int
    received: pa.Table
    rejected: pa.Table


class LineJudge:
    """Judges chunks of lines in one thread, with a DuckDB of its own; a context manager.

    `others_query` is asked about lines that are not spelled as most.
    """

    def __init__(self, *, few_lines: int = FEW_LINES, others_query: str | None = None) -> None:
        self._few_lines = few_lines
        self._duckdb = duckdb.connect(
            config={
                "threads": 1,
                "memory_limit": MEMORY_LIMIT,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._query = others_query or ordinary_lines_query()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._duckdb.close()

    def judge(self, chunk: bytes) -> Judged:
        """Return what becomes of the lines of `chunk`, which ends with a newline, or with the object's last line."""
        doubtful = lines = _split(chunk)
        layout = layout_of(lines[:: len(lines) // _SAMPLE + 1].to_pylist()) if len(lines) > self._few_lines else None
        events: list[pa.Table] = []
        for query in (*((spelled_lines_query(layout),) if layout else ()), self._query):
            if len(doubtful) > self._few_lines:
                ordinary, doubtful = self._ordinary(query, doubtful)
                events.append(ordinary)
        received, rejected = _judge_one_by_one(doubtful)
        return Judged(lines=len(lines), received=pa.concat_tables([*events, received]), rejected=rejected)

    def _ordinary(self, query: str, lines: pa.BinaryArray) -> tuple[pa.Table, pa.BinaryArray]:
        """Return the events on the lines that are ordinary by a query, and the other lines."""
        self._duckdb.register(LINES, pa.table({"line": _as_text(lines)}))
        judged = self._duckdb.execute(query).to_arrow_table()
        self._duckdb.unregister(LINES)
        ordinary = judged.column("ordinary").combine_chunks()
        events = judged.drop_columns(["ordinary"]).filter(ordinary)
        return events.cast(RECEIVED_SCHEMA), lines.filter(pc.invert(ordinary))


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


def _judge_one_by_one(lines: pa.BinaryArray) -> tuple[pa.Table, pa.Table]:
    received: list[Received] = []
    rejected: list[Rejected] = []
    for line in lines.to_pylist():
        judgement = judge_line(line)
        if isinstance(judgement, Received):
            received.append(judgement)
        else:
            rejected.append(judgement)
    return _table(received, RECEIVED_SCHEMA), _table(rejected, REJECTED_SCHEMA)


def _table(rows: list[Received] | list[Rejected], schema: pa.Schema) -> pa.Table:
    # Not asdict(): it copies each value deeply, which takes as long as judging the line.
    return pa.table([[getattr(row, name) for row in rows] for name in schema.names], schema=schema)
