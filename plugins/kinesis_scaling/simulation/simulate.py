"""A trace, a policy and a model of AWS → what happened: the loop that asks the policy and lets the traffic run."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import gcd
from typing import Final

from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.simulation.stream_model import LimitExceededError, RetryingProducers, SimulatedStream, StreamModel
from kinesis_scaling.simulation.traces import Trace
from kinesis_scaling.stream_state import MinuteSample, StreamState, StreamStatus

#: The stream starts as somebody careful would have made it: a power of two with a quarter of it free.
START_UTILIZATION: Final = 0.75
#: Records of one shard in one second, so that samples carry counts as CloudWatch does.
RECORDS: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class Move:
    """What a policy orders."""

    action: Action
    target: int
    why: str = ""


#: A policy as the simulator sees it; one with a memory is a fresh object for each run.
Policy = Callable[[StreamState], Move | None]


@dataclass(frozen=True, kw_only=True)
class MoveMade:
    """An order that AWS took, and the open shards it began with."""

    second: int
    open_shards: int
    move: Move


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one policy did with one trace. Shares are of all records, 0–1."""

    throttled_share: float
    lost_share: float
    shard_hours: float
    moves: tuple[MoveMade, ...]
    refused_orders: int
    #: Median seconds from the first refused record of an episode to the order for more; None = never needed.
    reaction_seconds: float | None
    #: (second, open shards) at each change, the start's first.
    capacity: tuple[tuple[int, int], ...]
    #: Refused records of each interval, in shard-seconds.
    throttled: tuple[float, ...]

    @property
    def update_calls(self) -> int:
        """Return the UpdateShardCount calls made."""
        return sum(made.move.action is Action.UPDATE_SHARD_COUNT for made in self.moves)


def starting_shards(trace: Trace) -> int:
    """Return the smallest power of two that has room for the busiest of the first five minutes."""
    first = trace.demand[: max(1, int(timedelta(minutes=5) / trace.interval))]
    shards = 1
    while shards < max(first) / START_UTILIZATION:
        shards *= 2
    return shards


def simulate(trace: Trace, policy: Policy, model: StreamModel, open_shards: int | None = None) -> Outcome:
    """Run `policy` over `trace`; it starts with `open_shards`, or with `starting_shards`."""
    run = _Run(trace, policy, model, starting_shards(trace) if open_shards is None else open_shards)
    run.to_the_end()
    return run.outcome()


class _Run:
    """The state of one simulation; `to_the_end` is its loop."""

    def __init__(self, trace: Trace, policy: Policy, model: StreamModel, open_shards: int) -> None:
        self.trace, self.policy, self.model = trace, policy, model
        self.demand = trace.demand
        self.stream = SimulatedStream(model, open_shards)
        self.producers = RetryingProducers(model) if model.retry_for else None
        self.ask_every = int(model.ask_every.total_seconds())
        self.step = gcd(gcd(self.ask_every, 60), int(trace.seconds))
        self.samples: list[MinuteSample] = []
        self.unpublished: list[MinuteSample] = []
        self.accepted = self.refused = 0.0
        self.lost = self.shard_seconds = 0.0
        self.throttled = [0.0] * len(self.demand)
        self.moves: list[MoveMade] = []
        self.refused_orders = 0
        self.capacity = [(0, open_shards)]
        self.waiting_since: int | None = None
        self.last_refused = -1
        self.reactions: list[int] = []
        self.foreign = sorted(model.foreign_changes, reverse=True)

    def to_the_end(self) -> None:
        interval, step = int(self.trace.seconds), self.step
        for second in range(0, len(self.demand) * interval, step):
            self._settle(second)
            while self.foreign and self.foreign[-1][0] <= second:
                self.stream.changed_by_hand(self.foreign.pop()[1])
                self._note_capacity(second)
            if second % self.ask_every == 0:
                self._ask(second)
            index = second // interval
            self._flow(second, index, self.demand[index])
            if (second + step) % 60 == 0:
                self._end_minute(second + step)

    def _settle(self, second: int) -> None:
        if self.stream.done_at is not None:
            self.stream.settle(second)
            self._note_capacity(second)

    def _note_capacity(self, second: int) -> None:
        if self.capacity[-1][1] != self.stream.open_shards:
            self.capacity.append((second, self.stream.open_shards))

    def _ask(self, second: int) -> None:
        now = self.trace.start + timedelta(seconds=second)
        published = now - self.model.metric_delay - timedelta(minutes=1)
        while self.unpublished and self.unpublished[0].minute <= published:
            self.samples.append(self.unpublished.pop(0))
        state = StreamState(
            now=now,
            open_shard_count=self.stream.open_shards,
            samples=self.samples,
            status=StreamStatus.ACTIVE if self.stream.done_at is None else StreamStatus.UPDATING,
            update_calls=[self.trace.start + timedelta(seconds=call) for call in self.stream.calls],
        )
        move = self.policy(state)
        if move is not None:
            self._order(second, move)

    def _order(self, second: int, move: Move) -> None:
        before = self.stream.open_shards
        try:
            self.stream.order(move.action, move.target, second)
        except LimitExceededError:
            self.refused_orders += 1
            return
        self.moves.append(MoveMade(second=second, open_shards=before, move=move))
        if move.target > before and self.waiting_since is not None:
            self.reactions.append(second - self.waiting_since)
            self.waiting_since = None

    def _flow(self, second: int, index: int, rate: float) -> None:
        """Let `rate` meet the capacity for one step, in which a change may come to its end."""
        done_at, length = self.stream.done_at, self.step
        if done_at is not None and second < done_at < second + length:
            self._meet(second, index, rate, done_at - second)
            self._settle(done_at)
            self._meet(done_at, index, rate, second + length - done_at)
        else:
            self._meet(second, index, rate, length)

    def _meet(self, second: int, index: int, rate: float, length: int) -> None:
        open_shards = self.stream.open_shards
        self.shard_seconds += open_shards * length
        over = (rate - open_shards) * length
        if over > 0:
            self.throttled[index] += over
            # An episode of throttling ends with ten minutes without any.
            if self.waiting_since is None and second - self.last_refused > 600:
                self.waiting_since = second
            self.last_refused = second + length
        if self.producers is not None and (over > 0 or not self.producers.idle):
            accepted, refused, lost = self.producers.write(second, rate, open_shards, length)
            self.accepted += accepted
            self.refused += refused
            self.lost += lost
        elif over > 0:
            self.accepted += open_shards * length
            self.refused += over
            self.lost += over
        else:
            self.accepted += rate * length

    def _end_minute(self, second: int) -> None:
        number = second // 60 - 1
        if number not in self.model.lost_minutes:
            self.unpublished.append(
                MinuteSample(
                    minute=self.trace.start + timedelta(minutes=number),
                    incoming_records=self.accepted * RECORDS,
                    throttled_records=self.refused * RECORDS,
                )
            )
        self.accepted = self.refused = 0.0
        if self.waiting_since is not None and second - self.last_refused > 600:
            self.waiting_since = None

    def outcome(self) -> Outcome:
        total = sum(self.demand) * self.trace.seconds
        reactions = sorted(self.reactions)
        return Outcome(
            throttled_share=sum(self.throttled) / total if total else 0.0,
            lost_share=self.lost / total if total else 0.0,
            shard_hours=self.shard_seconds / 3600,
            moves=tuple(self.moves),
            refused_orders=self.refused_orders,
            reaction_seconds=reactions[len(reactions) // 2] if reactions else None,
            capacity=tuple(self.capacity),
            throttled=tuple(self.throttled),
        )
