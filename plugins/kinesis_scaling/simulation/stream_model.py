"""A stream with AWS's limits, in simulated time: what it takes, what it throttles, and how long resharding lasts.

Time is whole seconds since the trace's start. Shards are even: none is hot.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kinesis_scaling.aws_limits import LARGEST_GROWTH, UPDATE_CALLS, UPDATE_CALLS_WINDOW, smallest_update_target
from kinesis_scaling.errors import ScalingSettingsError
from kinesis_scaling.scaling_decision import Action

WINDOW_SECONDS: Final = int(UPDATE_CALLS_WINDOW.total_seconds())


@dataclass(frozen=True, kw_only=True)
class StreamModel:
    """How the simulated AWS, its metrics and its producers behave."""

    metric_delay: timedelta = timedelta(seconds=90)
    ask_every: timedelta = timedelta(seconds=30)
    #: UpdateShardCount takes this long, and so much more for each shard that comes or goes.
    update_seconds: int = 60
    update_seconds_per_shard: int = 2
    split_or_merge_seconds: int = 45
    #: Producers try a refused record again every `retry_pause` until it is so old; 0 = never.
    retry_for: timedelta = timedelta(0)
    retry_pause: timedelta = timedelta(seconds=5)
    #: Minutes since the start for which CloudWatch has nothing.
    lost_minutes: frozenset[int] = frozenset()
    #: (second, open shards) that somebody else sets by hand.
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
    """AWS refuses the call: the stream is not ACTIVE, or a limit would be broken."""


class SimulatedStream:
    """Open shards, and the change that is under way."""

    def __init__(self, model: StreamModel, open_shards: int) -> None:
        self.model = model
        self.open_shards = open_shards
        self.done_at: int | None = None
        self.calls: list[int] = []
        self._next = open_shards

    def settle(self, second: int) -> None:
        """Let a change that is done by `second` take effect."""
        if self.done_at is not None and self.done_at <= second:
            self.open_shards, self.done_at = self._next, None

    def order(self, action: Action, target: int, second: int) -> None:
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

    def changed_by_hand(self, open_shards: int) -> None:
        """Take the count that somebody else set; what was under way is overwritten."""
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
    """Records that were refused and are tried again, oldest first to expire, all with the same luck."""

    def __init__(self, model: StreamModel) -> None:
        self._patience = int(model.retry_for.total_seconds())
        self._pause = int(model.retry_pause.total_seconds())
        self._waiting: list[list[float]] = []

    @property
    def idle(self) -> bool:
        """Say whether nothing waits to be tried again."""
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
            lost += sum(amount for since, amount in self._waiting if at - since >= self._patience)
            self._waiting = [batch for batch in self._waiting if at - batch[0] < self._patience and batch[1] > 1e-9]
        return accepted, refused, lost
