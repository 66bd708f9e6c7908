"""A trace, a policy and a model of AWS → the outcome: a loop that asks the policy and lets the traffic run.

The model is a stream with AWS's limits in simulated time: what it accepts, what it throttles, and how long resharding
takes. Time is whole seconds since the trace's start. Shards are even: none is hot.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import gcd
from typing import Final

from benchmarks.scaling.traces import Trace
from kinesis_scaling.aws_limits import LARGEST_GROWTH, UPDATE_CALLS, UPDATE_CALLS_WINDOW, smallest_update_target
from kinesis_scaling.errors import ScalingSettingsError
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream_state import MinuteSample, StreamState, StreamStatus

WINDOW_SECONDS: Final = int(UPDATE_CALLS_WINDOW.total_seconds())
#: The stream starts as a careful person would create it: a power of two with a quarter of it free.
START_UTILIZATION: Final = 0.75
#: Records of one shard in one second, so that samples carry counts as CloudWatch does.
RECORDS: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class StreamModel:
    """How the simulated AWS, its metrics and its producers behave."""

    metric_delay: timedelta = timedelta(seconds=90)
    ask_every: timedelta = timedelta(seconds=30)
    #: UpdateShardCount takes this long, and this much more for each shard that is added or removed.
    update_seconds: int = 60
    update_seconds_per_shard: int = 2
    split_or_merge_seconds: int = 45
    #: Producers try a refused record again every `retry_pause` until it is this old; 0 = never.
    retry_for: timedelta = timedelta(0)
    retry_pause: timedelta = timedelta(seconds=5)
    #: Minutes since the start for which CloudWatch has nothing.
    lost_minutes: frozenset[int] = frozenset()
    #: (second, open shards) that another person sets by hand.
    foreign_changes: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        for name in ("metric_delay", "ask_every", "retry_for", "retry_pause"):
            value: timedelta = getattr(self, name)
            least = 1 if name in ("ask_every", "retry_pause") else 0
            if value.total_seconds() < least or value.microseconds:
                raise ScalingSettingsError(f"{name} is {value}; it must be whole seconds, at least {least}")
        for name in ("update_seconds", "update_seconds_per_shard", "split_or_merge_seconds"):
            if getattr(self, name) < 0:
                raise ScalingSettingsError(f"{name} is {getattr(self, name)}; it must be at least 0")


class LimitExceededError(Exception):
    """AWS refuses the call: the stream is not ACTIVE, or the call breaks a limit."""


class SimulatedStream:
    """The open shards, and the change in progress."""

    def __init__(self, model: StreamModel, open_shards: int) -> None:
        self.model = model
        self.open_shards = open_shards
        self.done_at: int | None = None
        self.calls: list[int] = []
        self._next = open_shards

    def settle(self, second: int) -> None:
        """Apply a change that is done by `second`."""
        if self.done_at is not None and self.done_at <= second:
            self.open_shards, self.done_at = self._next, None

    def change(self, action: Action, target: int, second: int) -> None:
        """Begin a change; raise `LimitExceededError` where AWS would refuse it."""
        if self.done_at is not None:
            raise LimitExceededError("the stream is UPDATING")
        if action is Action.UPDATE_SHARD_COUNT:
            self._call(target, second)
            seconds = self.model.update_seconds + self.model.update_seconds_per_shard * abs(target - self.open_shards)
        else:
            if target != self.open_shards + (1 if action is Action.SPLIT_SHARD else -1) or target < 1:
                raise LimitExceededError(f"{action} of {self.open_shards} shards does not give {target}")
            seconds = self.model.split_or_merge_seconds
        self._next, self.done_at = target, second + seconds

    def change_by_hand(self, open_shards: int) -> None:
        """Set the count to that of another person; it replaces a change in progress."""
        self.open_shards, self.done_at = open_shards, None

    def _call(self, target: int, second: int) -> None:
        self.calls = [call for call in self.calls if second - call < WINDOW_SECONDS]
        if len(self.calls) >= UPDATE_CALLS:
            raise LimitExceededError("10 calls in 24 hours")
        if not smallest_update_target(self.open_shards) <= target <= LARGEST_GROWTH * self.open_shards:
            raise LimitExceededError(f"{self.open_shards} → {target} is more than twice or less than half")
        if target == self.open_shards:
            raise LimitExceededError(f"the stream has {target} shards already")
        self.calls.append(second)


class RetryingProducers:
    """Refused records that are tried again; each attempt accepts the same share of every batch."""

    def __init__(self, model: StreamModel) -> None:
        self._retry_for = int(model.retry_for.total_seconds())
        self._pause = int(model.retry_pause.total_seconds())
        self._waiting: list[list[float]] = []

    @property
    def idle(self) -> bool:
        """Return whether no record waits to be tried again."""
        return not self._waiting

    def write(self, second: int, rate: float, capacity: float, seconds: int) -> tuple[float, float, float]:
        """Return (accepted, refused attempts, lost for good) while `rate` meets `capacity` for `seconds`."""
        accepted = refused = lost = 0.0
        at, end = second, second + seconds
        while at < end:
            length = min(self._pause, end - at)
            offered = rate * length + sum(amount for _, amount in self._waiting)
            taken = min(1.0, capacity * length / offered) if offered else 1.0
            accepted += offered * taken
            refused += offered * (1 - taken)
            self._waiting.append([at, rate * length])
            for batch in self._waiting:
                batch[1] *= 1 - taken
            at += length
            lost += sum(amount for since, amount in self._waiting if at - since >= self._retry_for)
            self._waiting = [batch for batch in self._waiting if at - batch[0] < self._retry_for and batch[1] > 1e-9]
        return accepted, refused, lost


@dataclass(frozen=True, kw_only=True)
class Move:
    """The call that a policy wants."""

    action: Action
    target: int
    why: str = ""


#: A policy for the simulator; one with a memory is a fresh object for each run.
Policy = Callable[[StreamState], Move | None]


@dataclass(frozen=True, kw_only=True)
class AcceptedMove:
    """A call that AWS accepted, and the open shards at its start."""

    second: int
    open_shards: int
    move: Move


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """The outcome of one policy on one trace. Shares are of all records, 0–1."""

    throttled_share: float
    lost_share: float
    shard_hours: float
    moves: tuple[AcceptedMove, ...]
    refused_calls: int
    #: Median seconds from the first refused record of an episode to the call for more; None = never needed.
    reaction_seconds: float | None
    #: (second, open shards) at each change, the start's first.
    capacity: tuple[tuple[int, int], ...]
    #: Refused records of each interval, in shard-seconds.
    throttled: tuple[float, ...]

    @property
    def update_calls(self) -> int:
        """Return the number of UpdateShardCount calls."""
        return sum(accepted.move.action is Action.UPDATE_SHARD_COUNT for accepted in self.moves)


def starting_shards(trace: Trace) -> int:
    """Return the smallest power of two that has room for the busiest of the first five minutes."""
    first = trace.demand[: max(1, int(timedelta(minutes=5) / trace.interval))]
    shards = 1
    while shards < max(first) / START_UTILIZATION:
        shards *= 2
    return shards


def simulate(trace: Trace, policy: Policy, model: StreamModel, open_shards: int | None = None) -> Simulated:
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
        self.moves: list[AcceptedMove] = []
        self.refused_calls = 0
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
                self.stream.change_by_hand(self.foreign.pop()[1])
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
            self._make(second, move)

    def _make(self, second: int, move: Move) -> None:
        before = self.stream.open_shards
        try:
            self.stream.change(move.action, move.target, second)
        except LimitExceededError:
            self.refused_calls += 1
            return
        self.moves.append(AcceptedMove(second=second, open_shards=before, move=move))
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

    def outcome(self) -> Simulated:
        total = sum(self.demand) * self.trace.seconds
        reactions = sorted(self.reactions)
        return Simulated(
            throttled_share=sum(self.throttled) / total if total else 0.0,
            lost_share=self.lost / total if total else 0.0,
            shard_hours=self.shard_seconds / 3600,
            moves=tuple(self.moves),
            refused_calls=self.refused_calls,
            reaction_seconds=reactions[len(reactions) // 2] if reactions else None,
            capacity=tuple(self.capacity),
            throttled=tuple(self.throttled),
        )
