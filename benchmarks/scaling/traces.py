"""A file of counts → a trace: so many records (and bytes) in each interval of equal length, without gaps.

Files are CSV of `timestamp,count[,bytes]`, with a header or without, or the JSON that `aws cloudwatch get-metric-data`
or `get-metric-statistics` prints; either may be gzipped, which its first bytes show. A timestamp is ISO 8601, or an
epoch time in seconds or parts of them. An error names the line that cannot be used.
"""

import csv
import gzip
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any, Final

from contracts.file_formats import is_gzip
from contracts.timestamps import EPOCH
from kinesis_scaling.aws_limits import SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND, STREAM_SHARDS
from kinesis_scaling.errors import TraceError

#: Four years of minutes; a longer trace is taken for a wrong time.
MOST_INTERVALS: Final = 2_000_000
#: Clocks are set forward and back by this much.
CLOCK_CHANGE: Final = timedelta(hours=1)
_WITH_ZONE: Final = "Write the times in UTC (2026-10-25T00:30:00Z) or with their offset (2026-10-25 02:30:00+02:00)"
#: No traffic was recorded before, and a simulation that begins later might run beyond what a datetime can hold.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9000

_NUMBER: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]+)?(?:[eE]\+?[0-9]{1,2})?", re.ASCII)
#: A number of fewer digits is a date in ISO 8601, 20260131, or no time. As seconds this is a day of 1973.
_FIRST_EPOCH_TIME: Final = 10**8
#: (limit, units per second): the unit of an epoch time below the limit. As seconds the first limit is the year 5138.
_UNITS: Final = ((10**11, 1), (10**14, 1_000), (10**17, 1_000_000), (10**20, 1_000_000_000))
RECORDS: Final = "IncomingRecords"
BYTES: Final = "IncomingBytes"


class Gaps(StrEnum):
    """What missing intervals mean."""

    REFUSE = "refuse"
    #: Nothing came.
    ZERO = "zero"
    #: As much came as in the interval before.
    HOLD = "hold"
    #: As if there were no gap: the next interval follows at once.
    JOIN = "join"


@dataclass(frozen=True, kw_only=True)
class Point:
    """One line of a trace; its time is aware."""

    time: datetime
    count: float
    bytes: float | None = None
    #: Its line in the file; None where there are no lines.
    line: int | None = None
    #: Whether its file names no zone, so that the time may be a local one, and not UTC.
    is_local: bool = False

    @property
    def place(self) -> str:
        """Return its line, or its time, for messages."""
        return f"{self.time}" if self.line is None else f"line {self.line}, {self.time}"


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Traffic: `counts[i]` records came evenly over the i-th interval after `start`."""

    name: str
    start: datetime
    interval: timedelta
    counts: tuple[float, ...]
    bytes: tuple[float, ...] | None = None

    @property
    def seconds(self) -> float:
        """Return the length of one interval."""
        return self.interval.total_seconds()

    @property
    def demand(self) -> tuple[float, ...]:
        """Return each interval's demand in shards: of records or of bytes, whichever needs more."""
        records = [count / self.seconds / SHARD_RECORDS_PER_SECOND for count in self.counts]
        if self.bytes is None:
            return tuple(records)
        volumes = [size / self.seconds / SHARD_BYTES_PER_SECOND for size in self.bytes]
        return tuple(map(max, records, volumes))

    def check_fits_a_stream(self) -> None:
        """Raise `TraceError` for more traffic than a stream can take, since such counts are of something else."""
        if (peak := max(self.demand)) > STREAM_SHARDS:
            raise TraceError(
                f"{self.name} needs {peak:.3g} shards at its peak, and a stream has at most {STREAM_SHARDS:,}: are the "
                f"counts per interval of {self.interval}? --peak-shards scales them"
            )

    def scaled_to_peak(self, shards: float) -> "Trace":
        """Return the same traffic, larger or smaller, so that its busiest interval needs `shards`."""
        peak = max(self.demand)
        if peak == 0:
            raise TraceError(f"{self.name} has no traffic at all, so it cannot be scaled to {shards} shards")
        factor = shards / peak
        sizes = None if self.bytes is None else tuple(size * factor for size in self.bytes)
        return replace(self, counts=tuple(count * factor for count in self.counts), bytes=sizes)


def trace_of(name: str, points: Sequence[Point], gaps: Gaps = Gaps.REFUSE) -> Trace:
    """Return the trace of points in order of time; raise `TraceError` unless their times are evenly spaced."""
    if len(points) < 2:
        lines = "1 line" if points else "no lines"
        raise TraceError(f"{name} has {lines} of traffic; at least two are needed to know the interval")
    steps = Counter(after.time - before.time for before, after in pairwise(points))
    interval = steps.most_common(1)[0][0]
    _check_order(name, points, interval)
    if interval % timedelta(seconds=1):
        raise TraceError(f"{name} has intervals of {interval}; whole seconds are needed: add the counts up")
    filled = _without_gaps(name, points, interval, gaps)
    return Trace(
        name=name,
        start=points[0].time,
        interval=interval,
        counts=tuple(point.count for point in filled),
        bytes=_sizes(name, filled),
    )


def _check_order(name: str, points: Sequence[Point], interval: timedelta) -> None:
    for before, after in pairwise(points):
        if after.is_local and before.time + interval - after.time == CLOCK_CHANGE:
            raise TraceError(
                f"{name}, {after.place}: stands after {before.time}: an hour comes twice, as when a clock is set back "
                f"at the end of summer time. {_WITH_ZONE}; if no clock was set, sort the lines, one for each time"
            )
        if after.time == before.time:
            raise TraceError(f"{name}, {after.place}: this time is there twice; keep one of them, or add their counts")
        if after.time < before.time:
            raise TraceError(f"{name}, {after.place}: stands after {before.time}; sort the lines by time")


def _without_gaps(name: str, points: Sequence[Point], interval: timedelta, gaps: Gaps) -> list[Point]:
    filled = [points[0]]
    for before, after in pairwise(points):
        missing, rest = divmod(after.time - before.time, interval)
        if (rest or missing != 1) and gaps is not Gaps.JOIN:
            _check_gap(name, before, after, interval, gaps)
        if gaps in (Gaps.ZERO, Gaps.HOLD):
            if len(filled) + missing > MOST_INTERVALS:
                raise TraceError(
                    f"{name}, {after.place}: the gap since {before.time} is too long to be filled; check the year"
                )
            empty = Point(time=before.time, count=0.0, bytes=None if before.bytes is None else 0.0)
            filled += [before if gaps is Gaps.HOLD else empty] * (missing - 1)
        filled.append(after)
    return filled


def _check_gap(name: str, before: Point, after: Point, interval: timedelta, gaps: Gaps) -> None:
    """Raise `TraceError` for a gap without an explanation, or of no whole number of intervals."""
    text = f"{name}, {after.place}: follows {before.time}, but the interval is {interval}"
    if gaps is Gaps.REFUSE and after.is_local and after.time - before.time == interval + CLOCK_CHANGE:
        text += f". If a clock was set forward there: {_WITH_ZONE[0].lower()}{_WITH_ZONE[1:]}. Else it is a gap"
    if gaps is Gaps.REFUSE:
        raise TraceError(
            f"{text}. Say what gaps mean with --gaps zero (nothing came), hold (as before) or join (leave them out)"
        )
    if (after.time - before.time) % interval:
        raise TraceError(f"{text}, of which that is no multiple; only --gaps join takes the lines as they are")


def _sizes(name: str, points: Sequence[Point]) -> tuple[float, ...] | None:
    sizes = tuple(point.bytes for point in points if point.bytes is not None)
    if not sizes:
        return None
    if len(sizes) < len(points):
        lacking = next(point for point in points if point.bytes is None)
        raise TraceError(f"{name}, {lacking.place}: has no bytes, but others have; give them everywhere or nowhere")
    return sizes


def load_trace(path: Path, gaps: Gaps = Gaps.REFUSE) -> Trace:
    """Return the trace in `path`; raise `TraceError` for a file without one."""
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
    """Return the points of a file in its order; raise `TraceError` that names the first line without a point."""
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
    return Point(time=time, count=count, bytes=size, line=line, is_local=_parsed(row[0].strip()).tzinfo is None)


def _is_header(row: list[str], name: str) -> bool:
    """Return whether the first line names columns; raise `TraceError` if they are not the columns that we read."""
    if is_time(row[0]) or any(map(str.isdecimal, "".join(row[1:]))):
        return False
    names = [column.strip().lower() for column in row]
    if len(names) > 1 and "byte" in names[1]:
        raise TraceError(f"{name}, line 1: the second column is {row[1]!r}; counts come there: timestamp,count[,bytes]")
    if len(names) > 2 and "byte" not in names[2]:
        raise TraceError(f"{name}, line 1: the third column is {row[2]!r}; only bytes can stand there: leave it out")
    return True


def time_of(text: str, place: str) -> datetime:
    """Return the time; without a zone it is UTC. A number is an epoch time, in the unit that follows from its size."""
    try:
        time = _parsed(text.strip())
    except (ValueError, OverflowError) as error:
        raise TraceError(
            f"{place}: {text!r} is no time; write 2026-01-31 12:00:00, 2026-01-31T12:00:00Z, or seconds or "
            "milliseconds since 1970"
        ) from error
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise TraceError(f"{place}: {text!r} lies outside the years {FIRST_YEAR}–{LAST_YEAR}")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def is_time(text: str) -> bool:
    """Return whether a field can be read as a time."""
    try:
        _parsed(text.strip())
    except (ValueError, OverflowError):
        return False
    return True


def _parsed(text: str) -> datetime:
    """Return a time, aware if its text says of which zone; raise `ValueError` or `OverflowError` for another text."""
    number = Fraction(text) if _NUMBER.fullmatch(text) else Fraction(0)
    if number < _FIRST_EPOCH_TIME:
        return datetime.fromisoformat(text)
    per_second = next((per_second for end, per_second in _UNITS if number < end), 0)
    if not per_second:
        raise ValueError(text)
    return EPOCH + timedelta(microseconds=int(number * 1_000_000 / per_second))


def amount_of(text: object, what: str, place: str) -> float:
    """Return an amount that is not negative."""
    try:
        amount = float(str(text))
    except ValueError:
        amount = math.nan
    if not math.isfinite(amount) or amount < 0:
        raise TraceError(f"{place}: the {what} is {text!r}; it must be a number from 0 on")
    return amount


def cloudwatch_points(text: str, name: str) -> list[Point]:
    """Return the points from sums of IncomingRecords, and of IncomingBytes if there, which come in no certain order."""
    series: dict[str, dict[datetime, float]] = {}
    for label, sums in _series(_json(text, name), name):
        known = series.setdefault(label, {})  # a long answer comes in pages, each with every label again
        for time, value in sums:
            if known.setdefault(time, value) != value:
                raise TraceError(f"{name} has two sums of {label} at {time}: export one stream at a time")
    records = series.get(RECORDS)
    if not records:
        found = ", ".join(sorted(series)) or "none"
        raise TraceError(f"{name} has sums of {found}; those of {RECORDS} are needed (--statistics Sum, or Stat=Sum)")
    sizes = series.get(BYTES, {})
    return [Point(time=time, count=count, bytes=sizes.get(time)) for time, count in sorted(records.items())]


def _json(text: str, name: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise TraceError(f"{name} is neither CSV nor JSON: {error}") from error
    except RecursionError as error:
        raise TraceError(f"{name} is JSON nested too deeply for an answer of CloudWatch") from error


def _series(export: object, name: str) -> Iterable[tuple[str, Iterable[tuple[datetime, float]]]]:
    match export:
        case {"Datapoints": list(points), **others}:
            yield (
                str(others.get("Label", RECORDS)),
                _sums(((_at(point, "Timestamp"), _at(point, "Sum")) for point in points), name),
            )
        case {"MetricDataResults": list(results)}:
            for result in results:
                match result:
                    case {"Timestamps": list(times), "Values": list(values)}:
                        yield _label(result), _sums(zip_longest(times, values), name)
                    case _:
                        raise _unknown(name)
        case _:
            raise _unknown(name)


def _unknown(name: str) -> TraceError:
    return TraceError(
        f"{name} is JSON, but not what `aws cloudwatch get-metric-data` or `get-metric-statistics` prints"
    )


def _at(point: Any, key: str) -> Any:
    return point.get(key) if isinstance(point, dict) else None


def _label(result: dict[str, Any]) -> str:
    """Return the metric: `Label` has its name unless the query set another label; then the query's id may have it."""
    texts = [str(result.get(key, "")) for key in ("Label", "Id")]
    names = " ".join(texts).replace("_", "").lower()
    return next((metric for metric in (RECORDS, BYTES) if metric.lower() in names), texts[0])


def _sums(points: Iterable[tuple[Any, Any]], name: str) -> Iterable[tuple[datetime, float]]:
    return [(time_of(str(time), name), amount_of(value, "Sum", f"{name}, {time}")) for time, value in points]
