"""A file of counts → a trace.

Files are CSV of `timestamp,count[,bytes]`, with a header or without, or the JSON that `aws cloudwatch get-metric-data`
and `get-metric-statistics` print; either may be gzipped. What cannot be used is an error that names the line.
"""

import csv
import gzip
import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from kinesis_scaling.errors import TraceError
from kinesis_scaling.simulation.traces import Gaps, Point, Trace, trace_of


def load_trace(path: Path, gaps: Gaps = Gaps.REFUSE) -> Trace:
    """Return the trace in `path`; raise `TraceError` for what is no trace."""
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TraceError(f"{path} cannot be read: {error}") from error
    return trace_of(path.name.split(".")[0], parse_points(text, path.name), gaps)


def parse_points(text: str, name: str) -> list[Point]:
    """Return the points of a file in its order; raise `TraceError` that names the first line that is none."""
    return _cloudwatch(text, name) if text.lstrip().startswith("{") else _csv(text, name)


def _csv(text: str, name: str) -> list[Point]:
    points = []
    for number, row in enumerate(csv.reader(text.splitlines()), start=1):
        if not row or (number == 1 and not _is_time(row[0])):
            continue
        place = f"{name}, line {number}"
        if not 2 <= len(row) <= 3:
            raise TraceError(f"{place}: {','.join(row)!r} has {len(row)} fields; a line is timestamp,count[,bytes]")
        size = _amount(row[2], "bytes", place) if len(row) == 3 else None
        points.append(Point(time=_time(row[0], place), count=_amount(row[1], "count", place), bytes=size))
    return points


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _time(text: str, place: str) -> datetime:
    """Return the time; without a zone it is UTC."""
    try:
        time = datetime.fromisoformat(text.strip())
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    except ValueError as error:
        raise TraceError(f"{place}: {text!r} is no time; write 2026-01-31 12:00:00 or 2026-01-31T12:00:00Z") from error


def _amount(text: object, what: str, place: str) -> float:
    try:
        amount = float(str(text))
    except ValueError:
        amount = math.nan
    if not math.isfinite(amount) or amount < 0:
        raise TraceError(f"{place}: the {what} is {text!r}; it must be a number from 0 on")
    return amount


def _cloudwatch(text: str, name: str) -> list[Point]:
    """Read sums of IncomingRecords, and of IncomingBytes if there; CloudWatch prints them in no certain order."""
    try:
        series = _series(json.loads(text), name)
    except json.JSONDecodeError as error:
        raise TraceError(f"{name} is neither CSV nor JSON: {error}") from error
    records = series.get("IncomingRecords")
    if records is None:
        raise TraceError(f"{name} has the metrics {sorted(series) or 'none'}; IncomingRecords (Sum) is needed")
    sizes = series.get("IncomingBytes", {})
    return [Point(time=time, count=count, bytes=sizes.get(time)) for time, count in sorted(records.items())]


def _series(export: dict[str, Any], name: str) -> dict[str, dict[datetime, float]]:
    if "Datapoints" in export:
        points = [(point.get("Timestamp"), point.get("Sum")) for point in export["Datapoints"]]
        return {export.get("Label", "IncomingRecords"): _values(points, name)}
    series = {}
    for result in export.get("MetricDataResults", []):
        # `Label` is the metric's name unless the query gave another one; then the query's id may tell.
        label = next(
            (known for known in ("IncomingRecords", "IncomingBytes") if _names(result, known)), result["Label"]
        )
        series[label] = _values(zip_longest(result["Timestamps"], result["Values"]), name)
    return series


def _names(result: dict[str, Any], metric: str) -> bool:
    return any(metric.lower() in str(result.get(key, "")).replace("_", "").lower() for key in ("Label", "Id"))


def _values(points: Iterable[tuple[Any, Any]], name: str) -> dict[datetime, float]:
    return {_time(str(time), name): _amount(value, "Sum", f"{name}, {time}") for time, value in points}
