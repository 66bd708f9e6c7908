"""Two bounds on what any policy can do with a trace: the cheapest plan, and the least loss to its worst jump.

*The optimal plan* knows the future and uses UpdateShardCount only; it is the yardstick for shard-hours. It throttles
nothing, at most doubles and at least halves, and makes at most ten calls in any 24 hours. Without the last rule it
would be a shortest path through (interval, open shards), found backwards. The rule is put in as a price on calls
(Lagrange multipliers, one for each window of 24 hours, by subgradient): first roughly, on blocks of intervals, then on
the intervals themselves, where prices only rise until no window has more than ten. So the plan keeps the rule; it is
the cheapest but for a few percent.

*The loss bound*: a policy that knows traffic from metrics only cannot act on a jump before the jump's first minute is
published. Assume that it then knows all that comes, spends as many calls as it likes, and has at each moment as many
shards as any sequence of calls and splits could have opened by then: no policy that held as many shards when the jump
came has more room at any time. Nor does it lose less: of a batch that waits, the part `room / offered` is accepted, and
with more room at one moment less is left of every batch, so less is offered at the next, and so on to the batch's end.
The bound leaves out what waited before the jump, and what is lost after `HORIZON`, which makes it lower still.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from math import ceil
from typing import Final

from benchmarks.scaling.stream_model import WINDOW_SECONDS, RetryingProducers, StreamModel, starting_shards
from benchmarks.scaling.traces import Trace
from kinesis_scaling.aws_limits import LARGEST_GROWTH, UPDATE_CALLS, smallest_update_target

#: The price of a call to begin with, in shard-seconds, and its first step for each call too many.
FIRST_PRICE: Final = 3 * 3600.0
STEP: Final = 0.15
ROUGH_ROUNDS: Final = 30
ROUGH_SECONDS: Final = 900
#: Then windows with too many calls get dearer by this factor in each round, and by a little for each of three calls.
DEARER: Final = 1.1
LITTLE: Final = 0.03
#: The bound covers this much time after a jump.
HORIZON: Final = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The open shards in each interval, their price, and the number of calls."""

    open_shards: tuple[int, ...]
    shard_hours: float
    update_calls: int


def optimal_plan(trace: Trace, model: StreamModel) -> Plan:
    """Return the cheapest plan that the search finds."""
    needs = [max(1, ceil(demand - 1e-9)) for demand in trace.demand]
    start = starting_shards(trace)
    levels = _levels(max(max(needs), start))
    block = max(1, int(ROUGH_SECONDS // trace.seconds))
    rough_needs = [max(needs[at : at + block]) for at in range(0, len(needs), block)]
    rough = _Planner(rough_needs, levels, trace.seconds * block, model)
    window = max(1, int(WINDOW_SECONDS // rough.seconds))
    burdens = _rough_burdens(rough, max(start, rough_needs[0]), window)
    burdens = [burden / block for burden in burdens for _ in range(block)][: len(needs)]
    planner = _Planner(needs, levels, trace.seconds, model)
    return _plan_within_rule(planner, start, burdens, max(1, int(WINDOW_SECONDS // trace.seconds)))


def _rough_burdens(planner: "_Planner", start: int, window: int) -> list[float]:
    """Return the part of a call's price for each window (the one that ends there), by subgradient."""
    first = FIRST_PRICE / window
    burdens = [first] * len(planner.needs)
    for turn in range(ROUGH_ROUNDS):
        load = _calls_in_window(planner.plan(_prices(burdens, window), start).open_shards, window)
        step = first * STEP / (1 + turn * 0.05)
        burdens = [
            max(0.0, burden + step * (calls - UPDATE_CALLS)) for burden, calls in zip(burdens, load, strict=True)
        ]
    return burdens


def _plan_within_rule(planner: "_Planner", start: int, burdens: list[float], window: int) -> Plan:
    """Return the first plan with at most ten calls in every window; prices rise where a window has more."""
    little = LITTLE * FIRST_PRICE / window
    while True:
        plan = planner.plan(_prices(burdens, window), start)
        load = _calls_in_window(plan.open_shards, window)
        if max(load) <= UPDATE_CALLS:
            return plan
        burdens = [
            burden * DEARER + little * min(3, calls - UPDATE_CALLS) if calls > UPDATE_CALLS else burden
            for burden, calls in zip(burdens, load, strict=True)
        ]


def _prices(burdens: list[float], window: int) -> list[float]:
    """Return the price of a call in each interval: the sum over the windows that would count it."""
    total = [0.0, *accumulate(burdens)]
    return [total[min(place + window, len(burdens))] - total[place] for place in range(len(burdens))]


def _calls_in_window(open_shards: Sequence[int], window: int) -> list[int]:
    """Return the calls of the window that ends with each interval."""
    changes = [int(after != before) for before, after in pairwise((*open_shards, open_shards[-1]))]
    total = [0, *accumulate(changes)]
    return [total[end] - total[max(0, end - window)] for end in range(1, len(total))]


def _levels(peak: int) -> list[int]:
    """Return the counts that a plan may use: every one while they are small, then steps of at most 6 %."""
    levels = [1]
    while levels[-1] < peak:
        levels.append(min(peak, max(levels[-1] + 1, int(levels[-1] * 1.06))))
    return levels


class _Planner:
    def __init__(self, needs: list[int], levels: list[int], seconds: float, model: StreamModel) -> None:
        self.needs, self.levels, self.seconds = needs, levels, seconds
        #: A plan shrinks at the start of an interval, and the old count is paid until the call is done.
        self.overlap = min(seconds, model.update_seconds + 8 * model.update_seconds_per_shard)
        #: For each level the levels that one call reaches: below it and above it.
        self.down = [(self._first(smallest_update_target(level)), place) for place, level in enumerate(levels)]
        self.up = [(place + 1, self._first(LARGEST_GROWTH * level + 1)) for place, level in enumerate(levels)]
        self.lowest = [self._first(need) for need in needs]

    def _first(self, shards: int) -> int:
        return next((place for place, level in enumerate(self.levels) if level >= shards), len(self.levels))

    def plan(self, prices: Sequence[float], start: int) -> Plan:
        """Return the cheapest plan when a call in interval i costs `prices[i]`."""
        ahead = self._costs_ahead(prices)
        place = self._first(start)
        chosen, cost, calls = [], 0.0, 0
        for index, price in enumerate(prices):
            chosen.append(self.levels[place])
            after = self._best_next(index, place, ahead[index + 1], price)
            cost += self._cost(place, after)
            calls += after != place
            place = after
        return Plan(open_shards=tuple(chosen), shard_hours=cost / 3600, update_calls=calls)

    def _cost(self, place: int, after: int) -> float:
        """Return the shard-seconds of an interval in which the count goes from one level to the other."""
        level, target = self.levels[place], self.levels[after]
        return (
            level * self.seconds if target >= level else level * self.overlap + target * (self.seconds - self.overlap)
        )

    def _costs_ahead(self, prices: Sequence[float]) -> list[list[float]]:
        """Return, for each interval and level, the price of the rest of the trace."""
        never = float("inf")
        levels, seconds, overlap = self.levels, self.seconds, self.overlap
        ahead = [[0.0] * len(levels)]
        for index in range(len(prices) - 1, -1, -1):
            rest, price, lowest = ahead[-1], prices[index], self.lowest[index]
            shrunk = [cost + level * (seconds - overlap) for cost, level in zip(rest, levels, strict=True)]
            costs = [never] * lowest
            for place in range(lowest, len(levels)):
                level = levels[place]
                paid = level * seconds
                cost = paid + rest[place]
                first, end = self.up[place]
                if first < end and (other := paid + price + min(rest[first:end])) < cost:
                    cost = other
                first = max(self.down[place][0], lowest)
                if first < place and (other := level * overlap + price + min(shrunk[first:place])) < cost:
                    cost = other
                costs.append(cost)
            ahead.append(costs)
        ahead.reverse()
        return ahead

    def _best_next(self, index: int, place: int, rest: list[float], price: float) -> int:
        reach = [*range(max(self.down[place][0], self.lowest[index]), place), *range(*self.up[place])]
        stay = self._cost(place, place) + rest[place]
        best = min(reach, key=lambda after: self._cost(place, after) + rest[after], default=place)
        return best if self._cost(place, best) + rest[best] + price < stay else place


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
    #: The same if producers send the oldest record first, which is the best for them.
    lost_share_oldest_first: float


def detection_bound(trace: Trace, model: StreamModel, shards_before: int) -> DetectionBound | None:
    """Return the least loss to one jump for a policy that holds `shards_before` when it comes; None without a jump.

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
    """Return the fewest shards that must be open when the jump comes, so that at most `lost_share` (0–1) is lost."""
    low, high = 1, max(1, ceil(trace.demand[interval]))
    while low < high:
        middle = (low + high) // 2
        if bound_of_jump(trace, model, interval, middle).lost_share <= lost_share:
            high = middle
        else:
            low = middle + 1
    return low


def _seen_at(trace: Trace, model: StreamModel, interval: int) -> int:
    """Return the second at which the first minute that overlaps the interval is published."""
    minute = int(interval * trace.seconds) // 60
    return (minute + 1) * 60 + int(model.metric_delay.total_seconds())


@dataclass(frozen=True, kw_only=True)
class _Climb:
    """For each number of additional shards, the earliest second after the first call at which they can be open."""

    shards: int
    earliest: list[int]

    def room(self, second: int) -> int:
        """Return the most shards that can be open; before the first call (`second` < 0) nothing has changed."""
        return self.shards + max(0, bisect_right(self.earliest, second) - 1)


def _climb(model: StreamModel, shards: int, peak: float) -> _Climb:
    """Return the fastest way to each count alone; no single way passes all of them, which makes the bound lower."""
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
        room = climb.room(second + pause - seen)  # the shards at the end of the step, for all of it
        rate = demand[int(second // seconds)]
        lost += producers.write(second, rate, room, pause)[2]
        if producers.idle and rate <= room:
            break
    return lost


class _OldestFirst:
    """Producers that send the record that has waited longest first."""

    def __init__(self, model: StreamModel) -> None:
        self._retry_for = model.retry_for.total_seconds()
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
        while self._waiting and second + seconds - self._waiting[0][0] >= self._retry_for:
            lost += self._waiting.popleft()[1]
        return capacity * seconds - room, sum(amount for _, amount in self._waiting), lost
