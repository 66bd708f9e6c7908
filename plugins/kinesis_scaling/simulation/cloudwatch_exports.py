"""The JSON that `aws cloudwatch get-metric-data` or `get-metric-statistics` prints → the points of a trace."""

import json
from collections.abc import Iterable
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final

from kinesis_scaling.errors import TraceError
from kinesis_scaling.simulation.fields import amount_of, time_of
from kinesis_scaling.simulation.traces import Point

RECORDS: Final = "IncomingRecords"
BYTES: Final = "IncomingBytes"


def cloudwatch_points(text: str, name: str) -> list[Point]:
    """Read sums of IncomingRecords, and of IncomingBytes if there; CloudWatch prints them in no certain order."""
    series: dict[str, dict[datetime, float]] = {}
    for label, sums in _series(_parsed(text, name), name):
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


def _parsed(text: str, name: str) -> object:
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
    """Return the metric: `Label` is its name unless the query gave another one; then the query's id may tell."""
    texts = [str(result.get(key, "")) for key in ("Label", "Id")]
    names = " ".join(texts).replace("_", "").lower()
    return next((metric for metric in (RECORDS, BYTES) if metric.lower() in names), texts[0])


def _sums(points: Iterable[tuple[Any, Any]], name: str) -> Iterable[tuple[datetime, float]]:
    return [(time_of(str(time), name), amount_of(value, "Sum", f"{name}, {time}")) for time, value in points]
