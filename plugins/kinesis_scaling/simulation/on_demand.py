"""On-demand mode under the same traffic: what it would throttle, and its bill.

docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html: a new stream takes 4 MB/s and 4,000 records/s, and
any stream up to double the peak of the last 30 days; it throttles what is more than that within 15 minutes.
"""

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kinesis_scaling.simulation.traces import Trace

#: us-east-1, aws.amazon.com/kinesis/data-streams/pricing: per stream and hour, per GB written, per GB read.
STREAM_HOUR_DOLLARS: Final = 0.04
WRITTEN_GB_DOLLARS: Final = 0.08
READ_GB_DOLLARS: Final = 0.04
#: Provisioned mode has a price for writing too: per million payload units of 25 KB.
MILLION_PUTS_DOLLARS: Final = 0.014
#: What a record is taken for where the trace has no bytes; on-demand mode bills at least this.
RECORD_BYTES: Final = 1024

NEW_STREAM_SHARDS: Final = 4.0
ADAPTS_WITHIN: Final = timedelta(minutes=15)
REMEMBERS: Final = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class OnDemand:
    """The outcome of on-demand mode with one consumer."""

    throttled_share: float
    throttled: tuple[float, ...]
    #: Shards' worth of room in each interval.
    room: tuple[float, ...]
    dollars: float


def run_on_demand(trace: Trace) -> OnDemand:
    """Return what on-demand mode does with the trace; no one writes again what it refuses."""
    demand = trace.demand
    delay, memory = (max(1, int(span / trace.interval)) for span in (ADAPTS_WITHIN, REMEMBERS))
    falling: deque[int] = deque()
    room, throttled = [], []
    for index, wanted in enumerate(demand):
        seen = index - delay
        if seen >= 0:
            while falling and demand[falling[-1]] <= demand[seen]:
                falling.pop()
            falling.append(seen)
            if falling[0] <= seen - memory:
                falling.popleft()
        peak = demand[falling[0]] if falling else 0.0
        room.append(max(NEW_STREAM_SHARDS, 2 * peak))
        throttled.append(max(0.0, wanted - room[-1]) * trace.seconds)
    total = sum(demand) * trace.seconds
    return OnDemand(
        throttled_share=sum(throttled) / total if total else 0.0,
        throttled=tuple(throttled),
        room=tuple(room),
        dollars=on_demand_dollars(trace),
    )


def on_demand_dollars(trace: Trace) -> float:
    """Return the bill of on-demand mode, with each byte read once."""
    hours = len(trace.counts) * trace.seconds / 3600
    gigabytes = written_bytes(trace) / 2**30
    return hours * STREAM_HOUR_DOLLARS + gigabytes * (WRITTEN_GB_DOLLARS + READ_GB_DOLLARS)


def written_bytes(trace: Trace) -> float:
    """Return the bytes that are billed: on-demand mode rounds each record up to the next KiB."""
    if trace.bytes is None:
        return sum(trace.counts) * RECORD_BYTES
    return sum(max(size, count * RECORD_BYTES) for size, count in zip(trace.bytes, trace.counts, strict=True))


def put_dollars(trace: Trace) -> float:
    """Return what provisioned mode bills for writing, beside its shards."""
    return sum(trace.counts) / 1e6 * MILLION_PUTS_DOLLARS
