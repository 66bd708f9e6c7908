"""Small traces, made in one line each."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from benchmarks.scaling.traces import Trace

START = datetime(2026, 3, 2, tzinfo=UTC)


def trace(demand: Sequence[float], minutes: int = 5) -> Trace:
    """Return a trace whose intervals of so many minutes need these shards."""
    return Trace(
        name="made",
        start=START,
        interval=timedelta(minutes=minutes),
        counts=tuple(shards * 60_000 * minutes for shards in demand),
    )
