"""A file of counts → a trace.

Files are CSV of `timestamp,count[,bytes]`, with a header or without, or the JSON of a CloudWatch export; either may be
gzipped, which its first bytes tell. A timestamp is ISO 8601, or an epoch time in seconds or parts of them. What cannot
be used is an error that names the line.
"""

import csv
import gzip
import zlib
from dataclasses import replace
from pathlib import Path

from contracts.event_files import is_gzip
from kinesis_scaling.errors import TraceError
from kinesis_scaling.simulation.cloudwatch_exports import cloudwatch_points
from kinesis_scaling.simulation.fields import amount_of, is_local, is_time, time_of
from kinesis_scaling.simulation.traces import Gaps, Point, Trace, trace_of


def load_trace(path: Path, gaps: Gaps = Gaps.REFUSE) -> Trace:
    """Return the trace in `path`; raise `TraceError` for what is no trace."""
    trace = trace_of(path.name, parse_points(_text(path), path.name), gaps)
    return replace(trace, name=path.name.strip(".").split(".")[0])


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if is_gzip(data) else data).decode("utf-8-sig")
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise TraceError(f"{path} cannot be read: its gzip is damaged ({error}); fetch or make it again") from error
    except UnicodeDecodeError as error:
        raise TraceError(f"{path} cannot be read: {error}; save it as UTF-8") from error


def parse_points(text: str, name: str) -> list[Point]:
    """Return the points of a file in its order; raise `TraceError` that names the first line that is none."""
    return cloudwatch_points(text, name) if text.lstrip().startswith(("{", "[")) else _csv(text, name)


def _csv(text: str, name: str) -> list[Point]:
    reader = csv.reader(text.splitlines())
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise TraceError(f"{name}, line {reader.line_num}: {error}; a line is timestamp,count[,bytes]") from error
    return [_point(row, name, line) for line, row in rows if line > 1 or not _is_header(row, name)]


def _point(row: list[str], name: str, line: int) -> Point:
    place = f"{name}, line {line}"
    if not 2 <= len(row) <= 3:
        raise TraceError(
            f"{place}: {','.join(row)!r} has {len(row)} fields between commas; a line is timestamp,count[,bytes]"
        )
    size = amount_of(row[2], "bytes", place) if len(row) == 3 else None
    time = time_of(row[0], place)
    count = amount_of(row[1], "count", place)
    return Point(time=time, count=count, bytes=size, line=line, is_local=is_local(row[0]))


def _is_header(row: list[str], name: str) -> bool:
    """Say whether the first line names columns; raise `TraceError` if these are others than we would read."""
    if is_time(row[0]) or any(map(str.isdecimal, "".join(row[1:]))):
        return False
    names = [column.strip().lower() for column in row]
    if len(names) > 1 and "byte" in names[1]:
        raise TraceError(f"{name}, line 1: the second column is {row[1]!r}; counts come there: timestamp,count[,bytes]")
    if len(names) > 2 and "byte" not in names[2]:
        raise TraceError(f"{name}, line 1: the third column is {row[2]!r}; only bytes can stand there: leave it out")
    return True
