"""A trace → what is lost to its worst jump at the least, whichever policy scales the stream.

A policy that knows traffic from metrics only cannot act on a jump before the first minute of it is published. Let it
then know all that comes, spend as many calls as it likes, and be at each moment as high as any sequence of calls and
splits could have brought it by then: no policy that held as many shards when the jump came has more room at any time.
Nor does it lose less: a batch that waits gets in by the part `room / offered`, and with more room at one moment less is
left of every batch, so less is offered at the next, and so on to the batch's end. What waited before the jump, and
what is lost after `HORIZON`, is left out, which makes the bound lower still.
"""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from kinesis_scaling.aws_limits import LARGEST_GROWTH
from kinesis_scaling.simulation.stream_model import RetryingProducers, StreamModel
from kinesis_scaling.simulation.traces import Trace

#: No jump is looked at for longer.
HORIZON: Final = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class DetectionBound:
    """The jump that costs most, and the part of the trace's records (0–1) that is lost to it at the least."""

    time: datetime
    interval: int
    demand_before: float
    demand: float
    #: From the jump until its first minute is published.
    unseen_seconds: int
    shards_before: int
    lost_share: float
    #: The same if producers send the oldest record first, which is the best that they can do.
    lost_share_oldest_first: float


def detection_bound(trace: Trace, model: StreamModel, shards_before: int) -> DetectionBound | None:
    """Return the least that is lost to one jump by whoever holds `shards_before` when it comes; None without a jump.

    A jump is an interval that needs more than that after one that does not. `model.retry_for` says how long producers
    try again.
    """
    demand = trace.demand
    jumps = [place for place in range(1, len(demand)) if demand[place - 1] <= shards_before < demand[place]]
    if not jumps:
        return None
    climb = _climb(model, shards_before, max(demand))
    losses = {place: _lost(trace, model, place, climb) for place in jumps}
    worst = max(jumps, key=losses.__getitem__)
    return bound_of_jump(trace, model, worst, shards_before)


def bound_of_jump(trace: Trace, model: StreamModel, interval: int, shards_before: int) -> DetectionBound:
    """Return the least that is lost to the jump at the start of this interval."""
    demand, total = trace.demand, sum(trace.demand) * trace.seconds
    climb = _climb(model, shards_before, max(demand))
    return DetectionBound(
        time=trace.start + interval * trace.interval,
        interval=interval,
        demand_before=demand[interval - 1],
        demand=demand[interval],
        unseen_seconds=_seen_at(trace, model, interval) - int(interval * trace.seconds),
        shards_before=shards_before,
        lost_share=_lost(trace, model, interval, climb) / total,
        lost_share_oldest_first=_lost(trace, model, interval, climb, oldest_first=True) / total,
    )


def shards_needed_before(trace: Trace, model: StreamModel, interval: int, lost_share: float) -> int:
    """Return the fewest shards to be held when that jump comes, so that at most `lost_share` (0–1) need be lost."""
    low, high = 1, max(1, ceil(trace.demand[interval]))
    while low < high:
        middle = (low + high) // 2
        if bound_of_jump(trace, model, interval, middle).lost_share <= lost_share:
            high = middle
        else:
            low = middle + 1
    return low


def _seen_at(trace: Trace, model: StreamModel, interval: int) -> int:
    """Return the second at which the first minute with something of the interval is published."""
    minute = int(interval * trace.seconds) // 60
    return (minute + 1) * 60 + int(model.metric_delay.total_seconds())


@dataclass(frozen=True, kw_only=True)
class _Climb:
    """The earliest second after the first order by which so many shards more than at first can be open."""

    shards: int
    earliest: list[int]

    def room(self, second: int) -> int:
        """Return the most shards that can be open; before the first order (`second` < 0) nothing has changed."""
        return self.shards + max(0, bisect_right(self.earliest, second) - 1)


def _climb(model: StreamModel, shards: int, peak: float) -> _Climb:
    """Return for each count the best way to it alone; that no one way leads over all makes the bound lower."""
    fixed, each, split = model.update_seconds, model.update_seconds_per_shard, model.split_or_merge_seconds
    # More than all that can wait at once is of no use.
    enough = ceil(peak * (1 + model.retry_for / model.retry_pause)) + 1
    earliest = [0]
    # A call from n to m takes `fixed + each × (m − n)`: the best n is that of the least `earliest[n] − each × n`.
    begun = [-each * shards]
    while earliest[-1] <= HORIZON.total_seconds() and shards + len(earliest) <= enough:
        target = shards + len(earliest)
        half = max(0, (target + 1) // LARGEST_GROWTH - shards)
        earliest.append(min(earliest[-1] + split, fixed + each * target + min(begun[half:])))
        begun.append(earliest[-1] - each * target)
    return _Climb(shards=shards, earliest=earliest)


def _lost(trace: Trace, model: StreamModel, interval: int, climb: _Climb, *, oldest_first: bool = False) -> float:
    """Return the shard-seconds that are lost to a jump."""
    demand, seconds, pause = trace.demand, trace.seconds, int(model.retry_pause.total_seconds())
    start, seen = int(interval * seconds), _seen_at(trace, model, interval)
    end = min(int(len(demand) * seconds), start + int(HORIZON.total_seconds()))
    producers = _OldestFirst(model) if oldest_first else RetryingProducers(model)
    lost = 0.0
    for second in range(start, end, pause):
        room = climb.room(second + pause - seen)  # what is open at the end of the step, for all of it
        rate = demand[int(second // seconds)]
        lost += producers.write(second, rate, room, pause)[2]
        if producers.idle and rate <= room:
            break
    return lost


class _OldestFirst:
    """Producers that send what has waited longest before all else."""

    def __init__(self, model: StreamModel) -> None:
        self._patience = model.retry_for.total_seconds()
        self._waiting: deque[tuple[int, float]] = deque()

    @property
    def idle(self) -> bool:
        return not self._waiting

    def write(self, second: int, rate: float, capacity: float, seconds: int) -> tuple[float, float, float]:
        """Return (accepted, left waiting, lost for good), as `RetryingProducers` does."""
        room = capacity * seconds
        self._waiting.append((second, rate * seconds))
        while self._waiting and self._waiting[0][1] <= room:
            room -= self._waiting.popleft()[1]
        if self._waiting:
            since, amount = self._waiting[0]
            self._waiting[0] = (since, amount - room)
            room = 0.0
        lost = 0.0
        while self._waiting and second + seconds - self._waiting[0][0] >= self._patience:
            lost += self._waiting.popleft()[1]
        return capacity * seconds - room, sum(amount for _, amount in self._waiting), lost
