"""The names that `--policy` takes → policies that scale: ours, and published ones from their source at a named commit.

A published scaler sees what it sees in life: only accepted records (none of them counts what was throttled), through
its alarms, with the thresholds that its own template or example sets. An alarm fires as soon as its last period is
published.

On-demand mode is compared as well: docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html says that a new
stream takes 4 MB/s and 4,000 records/s, and any stream up to double the peak of the last 30 days; it throttles what is
more than that within 15 minutes.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, floor
from typing import ClassVar, Final

from benchmarks.scaling.stream_model import Move, Policy
from benchmarks.scaling.traces import Trace
from kinesis_scaling.aws_limits import LARGEST_GROWTH, UPDATE_CALLS, UPDATE_CALLS_WINDOW, smallest_update_target
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.scaling_policy import decide
from kinesis_scaling.scaling_settings import Settings
from kinesis_scaling.stream_state import MinuteSample, StreamState, StreamStatus

#: us-east-1, aws.amazon.com/kinesis/data-streams/pricing: per stream and hour, per GB written, per GB read.
STREAM_HOUR_DOLLARS: Final = 0.04
WRITTEN_GB_DOLLARS: Final = 0.08
READ_GB_DOLLARS: Final = 0.04
#: Provisioned mode bills writing too: per million payload units of 25 KB.
MILLION_PUTS_DOLLARS: Final = 0.014
#: A record counts as this many bytes where the trace has no bytes; on-demand mode bills at least this.
RECORD_BYTES: Final = 1024

NEW_STREAM_SHARDS: Final = 4.0
ADAPTS_WITHIN: Final = timedelta(minutes=15)
REMEMBERS: Final = timedelta(days=30)


class PublishedPolicy:
    """A policy that sees accepted traffic only, as the mean of each whole period, and orders when the stream is ACTIVE.

    A missing minute counts as 0, as CloudWatch's FILL does.
    """

    minutes_per_period: ClassVar = 1

    def __init__(self) -> None:
        #: The mean of each period so far, in shards.
        self.periods: list[float] = []
        #: Whether one has ended since the call before.
        self.period_ended = False
        self._seen = 0
        self._open: list[float] = []
        self._last: datetime | None = None

    def __call__(self, state: StreamState) -> Move | None:
        """Read the new samples, and return the move, if there is one."""
        before = len(self.periods)
        for sample in state.samples[self._seen :]:
            self._fill(sample)
        self._seen = len(state.samples)
        self.period_ended = len(self.periods) > before
        return self.move(state) if state.status is StreamStatus.ACTIVE else None

    def move(self, state: StreamState) -> Move | None:
        """Return the move of an ACTIVE stream, if there is one."""
        raise NotImplementedError

    def _fill(self, sample: MinuteSample) -> None:
        missing = 0 if self._last is None else (sample.minute - self._last) // timedelta(minutes=1) - 1
        self._last = sample.minute
        for shards in [*[0.0] * missing, sample.accepted or 0.0]:
            self._open.append(shards)
            if len(self._open) == self.minutes_per_period:
                self.periods.append(sum(self._open) / self.minutes_per_period)
                self._open = []


def update_to(state: StreamState, target: int, why: str) -> Move | None:
    """Return the call to `target` within AWS's limits; None if the stream has that many shards already."""
    open_shards = state.open_shard_count
    target = min(max(target, smallest_update_target(open_shards)), LARGEST_GROWTH * open_shards)
    if target == open_shards:
        return None
    return Move(action=Action.UPDATE_SHARD_COUNT, target=target, why=why)


class AwsSamples(PublishedPolicy):
    """aws-samples/kinesis-auto-scaling @ e1e52f8, kinesis_scaling_cf.yaml and golang/scale.go.

    Doubles when 5 of 5 five-minute periods are at 75 % or more, halves when 57 of 60 are below 25 %.
    """

    minutes_per_period = 5

    def move(self, state: StreamState) -> Move | None:
        shards, periods = state.open_shard_count, self.periods
        if len(periods) >= 5 and min(periods[-5:]) >= 0.75 * shards:
            return update_to(state, shards * 2, "5 of 5 periods at 75 %")
        if len(periods) >= 60 and shards > 1 and sum(used < 0.25 * shards for used in periods[-60:]) >= 57:
            return update_to(state, shards // 2, "57 of 60 periods below 25 %")
        return None


class ScalingUtils(PublishedPolicy):
    """awslabs/amazon-kinesis-scaling-utils @ 23ba220, StreamMonitor.java with the README's example "scale percentage".

    Looks every 5 minutes at the last 15: × 1.5 after 5 minutes above 75 % (15 minutes of cool-off), − 25 % after 15
    below 25 % (60 minutes). Missing minutes count as low. Beyond ten calls a day it splits and merges one by one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next_look: datetime | None = None
        self._last_up: datetime | None = None
        self._last_down: datetime | None = None
        self._by_hand: int | None = None

    def move(self, state: StreamState) -> Move | None:
        if self._by_hand is not None:
            return self._one_by_one(state.open_shard_count)
        if self._next_look is not None and state.now < self._next_look:
            return None
        self._next_look = state.now + timedelta(minutes=5)
        return self._look(state)

    def _look(self, state: StreamState) -> Move | None:
        shards = state.open_shard_count
        # The window is 15 minutes of the clock; the newest of them are not published yet.
        if not state.samples or state.now - state.samples[0].minute < timedelta(minutes=15):
            return None  # the stream is younger than the window
        unpublished = (state.now - state.samples[-1].minute) // timedelta(minutes=1)
        window = self.periods[-max(1, 15 - unpublished) :]
        high = sum(used > 0.75 * shards for used in window)
        low = sum(used < 0.25 * shards for used in window) + 15 - len(window)
        if high >= 5:
            if self._last_up is None or state.now - self._last_up >= timedelta(minutes=15):
                self._last_up = state.now
                return self._go(state, ceil(shards * 1.5), "5 minutes above 75 %")
        elif low >= 15 and (self._last_down is None or state.now - self._last_down >= timedelta(minutes=60)):
            self._last_down = state.now
            return self._go(state, max(1, shards - floor(shards * 0.25)), "15 minutes below 25 %")
        return None

    def _go(self, state: StreamState, target: int, why: str) -> Move | None:
        calls = sum(state.now - call < UPDATE_CALLS_WINDOW for call in state.update_calls)
        if calls < UPDATE_CALLS:
            return update_to(state, target, why)
        self._by_hand = target
        return self._one_by_one(state.open_shard_count)

    def _one_by_one(self, shards: int) -> Move | None:
        if self._by_hand == shards or self._by_hand is None:
            self._by_hand = None
            return None
        if self._by_hand > shards:
            return Move(action=Action.SPLIT_SHARD, target=shards + 1, why="ten calls are spent")
        return Move(action=Action.MERGE_SHARDS, target=shards - 1, why="ten calls are spent")


class Substation(PublishedPolicy):
    """brexhq/substation @ 28f1b34, cmd/aws/lambda/autoscale/main.go.

    Up when 5 of 5 minutes are at 70 % or more, down when 60 of 60 are at 35 % or less, by factors of the size; 3
    minutes after the last change at the earliest, 30 for a way down.
    """

    _GROWTH = ((5, 2.0), (13, 1.75), (33, 1.5))

    def __init__(self) -> None:
        super().__init__()
        self._last_call: datetime | None = None

    def move(self, state: StreamState) -> Move | None:
        shards, minutes = state.open_shard_count, self.periods
        factor = next((factor for below, factor in self._GROWTH if shards < below), 1.25)
        since = timedelta.max if self._last_call is None else state.now - self._last_call
        move = None
        if len(minutes) >= 5 and min(minutes[-5:]) >= 0.7 * shards and since >= timedelta(minutes=3):
            move = update_to(state, floor(shards * factor), "5 of 5 minutes at 70 %")
        elif len(minutes) >= 60 and max(minutes[-60:]) <= 0.35 * shards and since >= timedelta(minutes=30):
            move = update_to(state, ceil(shards / factor), "60 of 60 minutes at most at 35 %")
        if move is not None:
            self._last_call = state.now
        return move


class Epsagon(PublishedPolicy):
    """epsagon/kinesis-autoscaler @ a866ff4, kinesis_upscaler.py, kinesis_downscaler.py, stream_subscription.yml.

    Up when one five-minute period is at 75 % or more (× 2 to 3 shards, × 1.5 to 50, × 1.25 above); down, to twice the
    day's busiest period, when all 288 periods of a day are at 25 % or less.
    """

    minutes_per_period = 5

    def move(self, state: StreamState) -> Move | None:
        shards, periods = state.open_shard_count, self.periods
        if periods and periods[-1] >= 0.75 * shards:
            factor = 2.0 if shards <= 3 else 1.5 if shards <= 50 else 1.25
            return update_to(state, ceil(shards * factor), "a period at 75 %")
        if self.period_ended and len(periods) >= 288 and (peak := max(periods[-288:])) <= 0.25 * shards:
            return update_to(state, ceil(peak * 2), "a day at most at 25 %")
        return None


@dataclass
class TargetTracking:
    """No published tool: target tracking as every cloud does it, so that 60 % is used, with four calls kept for growth.

    Unlike the others it counts what was throttled. It shrinks to the busiest of the last 15 minutes.
    """

    utilization: float = 0.6
    kept: int = 4

    def __call__(self, state: StreamState) -> Move | None:
        if state.status is not StreamStatus.ACTIVE or not state.samples:
            return None
        shards = state.open_shard_count
        left = UPDATE_CALLS - sum(state.now - call < UPDATE_CALLS_WINDOW for call in state.update_calls)
        wanted = max(1, ceil((state.samples[-1].demand or 0.0) / self.utilization))
        if wanted > shards and left:
            return update_to(state, wanted, f"{wanted} shards are used to {self.utilization:.0%}")
        if left > self.kept and len(state.samples) >= 15:
            busiest = max(sample.demand or 0.0 for sample in state.samples[-15:])
            lower = max(1, ceil(busiest / self.utilization))
            return update_to(state, lower, f"{lower} shards are enough") if lower < shards else None
        return None


@dataclass(frozen=True, kw_only=True)
class OnDemand:
    """The outcome of on-demand mode with one consumer."""

    throttled_share: float
    throttled: tuple[float, ...]
    #: The capacity in each interval, in shards.
    room: tuple[float, ...]
    dollars: float


def run_on_demand(trace: Trace) -> OnDemand:
    """Return the outcome of on-demand mode for a trace; producers do not try refused records again."""
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
    """Return the price of writing in provisioned mode, which comes on top of the shards."""
    return sum(trace.counts) / 1e6 * MILLION_PUTS_DOLLARS


OURS: Final = "ours"
FIXED: Final = "fixed"
ON_DEMAND: Final = "on-demand"
CLAIRVOYANT: Final = "clairvoyant"

#: Each of them has a memory, so each run creates a new one.
PUBLISHED: Final[dict[str, Callable[[], Policy]]] = {
    "aws-samples": AwsSamples,
    "scaling-utils": ScalingUtils,
    "substation": Substation,
    "epsagon": Epsagon,
    "target-tracking": TargetTracking,
}
NAMES: Final = (OURS, *PUBLISHED, FIXED, ON_DEMAND, CLAIRVOYANT)


def our_policy(settings: Settings) -> Policy:
    """Return `decide` in the form that the simulator calls."""

    def policy(state: StreamState) -> Move | None:
        decision = decide(state, settings)
        if decision.action is Action.HOLD:
            return None
        return Move(action=decision.action, target=decision.target_shard_count, why=decision.explanation)

    return policy
