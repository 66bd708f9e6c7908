"""The cheapest plan for somebody who knows the future, with UpdateShardCount only: the yardstick for shard-hours.

It throttles nothing, at most doubles and at least halves, and makes at most ten calls in any 24 hours. Without the last
rule it would be a shortest path through (interval, open shards), found backwards. The rule is put in as a price on
calls (Lagrange multipliers, one for each window of 24 hours, by subgradient): first roughly, on blocks of intervals,
then on the intervals themselves, where prices only rise until no window has more than ten. So the plan keeps the rule;
it is the cheapest but for a few percent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import ceil
from typing import Final

from kinesis_scaling.aws_limits import LARGEST_GROWTH, UPDATE_CALLS, smallest_update_target
from kinesis_scaling.simulation.simulate import starting_shards
from kinesis_scaling.simulation.stream_model import WINDOW_SECONDS, StreamModel
from kinesis_scaling.simulation.traces import Trace

#: The price of a call to begin with, in shard-seconds, and its first step for each call too many.
FIRST_PRICE: Final = 3 * 3600.0
STEP: Final = 0.15
ROUGH_ROUNDS: Final = 30
ROUGH_SECONDS: Final = 900
#: Then windows with too many calls get dearer by this factor in each round, and by a little for each of three calls.
DEARER: Final = 1.1
LITTLE: Final = 0.03


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Open shards in each interval, what they cost, and the calls that make them."""

    open_shards: tuple[int, ...]
    shard_hours: float
    update_calls: int


def clairvoyant_plan(trace: Trace, model: StreamModel) -> Plan:
    """Return the cheapest plan that was found."""
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
    return _kept_rule(planner, start, burdens, max(1, int(WINDOW_SECONDS // trace.seconds)))


def _rough_burdens(planner: "_Planner", start: int, window: int) -> list[float]:
    """Return what a call costs on account of each window (the one that ends there), by subgradient."""
    first = FIRST_PRICE / window
    burdens = [first] * len(planner.needs)
    for turn in range(ROUGH_ROUNDS):
        load = _calls_in_window(planner.plan(_prices(burdens, window), start).open_shards, window)
        step = first * STEP / (1 + turn * 0.05)
        burdens = [
            max(0.0, burden + step * (calls - UPDATE_CALLS)) for burden, calls in zip(burdens, load, strict=True)
        ]
    return burdens


def _kept_rule(planner: "_Planner", start: int, burdens: list[float], window: int) -> Plan:
    """Return the first plan that no window forbids; prices rise where one does."""
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
    made = [int(after != before) for before, after in pairwise((*open_shards, open_shards[-1]))]
    total = [0, *accumulate(made)]
    return [total[end] - total[max(0, end - window)] for end in range(1, len(total))]


def _levels(peak: int) -> list[int]:
    """Return the counts that a plan may use: each one while they are few, then steps of at most 6 %."""
    levels = [1]
    while levels[-1] < peak:
        levels.append(min(peak, max(levels[-1] + 1, int(levels[-1] * 1.06))))
    return levels


class _Planner:
    def __init__(self, needs: list[int], levels: list[int], seconds: float, model: StreamModel) -> None:
        self.needs, self.levels, self.seconds = needs, levels, seconds
        #: A plan shrinks at the start of an interval, so that the old count is paid a little longer.
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
        """Return for each interval and level what the rest costs from there on."""
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
