"""The decisions of a team about its stream: bounds, margins, patience, floors for known dates.

The defaults of the margins and of the patience were tuned on the traces of docs/scaling.md, which says how.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.stream_prices import SHARD_HOUR
from kinesis_scaling.aws_limits import STREAM_SHARDS, UPDATE_CALLS
from kinesis_scaling.errors import ScalingSettingsError


@dataclass(frozen=True, kw_only=True)
class ScheduledFloor:
    """At least `shards` from `start` for `duration`, again every `repeat` ("40 shards on Fridays from 06:00")."""

    shards: int
    start: datetime
    duration: timedelta
    repeat: timedelta | None = None

    def __post_init__(self) -> None:
        if self.shards < 1 or self.duration <= timedelta(0):
            raise ScalingSettingsError(
                f"a floor of {self.shards} shards for {self.duration} has no effect: give at least 1 shard and a while"
            )
        if self.start.tzinfo is None:
            raise ScalingSettingsError(f"the floor's start {self.start} has no time zone: add one, such as +00:00")
        if self.repeat is not None and self.repeat < self.duration:
            raise ScalingSettingsError(f"a floor of {self.duration} cannot repeat every {self.repeat}: make it shorter")

    def holds_between(self, start: datetime, end: datetime) -> bool:
        """Return whether the floor holds at some moment of `[start, end]`."""
        first = self.start
        if self.repeat is not None and end > first:
            first += (end - first) // self.repeat * self.repeat
        return first <= end and start < first + self.duration


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to scale one stream. Margins are factors on demand: 1.8 = room for 1.8 times what was seen."""

    minimum_shards: int = 1
    maximum_shards: int = STREAM_SHARDS
    floors: tuple[ScheduledFloor, ...] = ()

    #: Demand above this part of the capacity is urgent: it may spend the last call.
    urgent_utilization: float = 0.75
    #: Room above a peak of the last minutes; above one of `fading` ago; above one of `patience` ago. Between them the
    #: room shrinks evenly; what is older than `patience` holds no shards.
    fresh_margin: float = 1.8
    fading_margin: float = 1.42
    old_margin: float = 1.2
    fresh: timedelta = timedelta(minutes=5)
    fading: timedelta = timedelta(minutes=75)
    patience: timedelta = timedelta(minutes=200)
    #: Refused records count as demand for this long; after that only accepted ones count. A producer that tries again
    #: is counted again, so that a minute's refusals can be many times its demand.
    refusals_believed: timedelta = timedelta(minutes=15)

    #: Room above a peak that came at this time on earlier days, and how long before it the shards are there.
    recurring_margin: float = 1.1
    lead_time: timedelta = timedelta(minutes=30)

    #: Moves of at most this many shards are splits and merges, which cost no call.
    small_move: int = 2
    #: UpdateShardCount calls that only an urgent growth may spend.
    calls_kept_for_urgent_growth: int = 7
    #: A call shrinks the stream instead of merges only by this many shards or more, and while this many calls are left.
    shrink_by_call_from: int = 8
    calls_left_to_shrink: int = 6

    #: A smaller part of the open shards is never taken away: the memory of a noisy peak rises and falls by that much.
    shrink_slack: float = 0.05

    #: No shard is taken away sooner after a call than this, while consumers lag more, or with older metrics.
    settling_time: timedelta = timedelta(minutes=15)
    consumer_lag_limit: timedelta = timedelta(minutes=5)
    metrics_age_limit: timedelta = timedelta(minutes=10)
    #: This part of the last hour (or of the time since the first sample) must be known before a shard is taken away.
    known_share_to_shrink: float = 0.75
    minutes_known_to_shrink: int = 30

    shard_hour_dollars: float = SHARD_HOUR

    def __post_init__(self) -> None:
        self._check_bounds()
        if not self.fresh_margin >= self.fading_margin >= self.old_margin > 0:
            raise ScalingSettingsError(
                f"the margins {self.fresh_margin}, {self.fading_margin}, {self.old_margin} must be above 0 and not "
                "grow with a peak's age"
            )
        if not timedelta(0) <= self.fresh < self.fading < self.patience:
            raise ScalingSettingsError(
                f"fresh ({self.fresh}), fading ({self.fading}) and patience ({self.patience}) must be in this order"
            )
        if not timedelta(0) < self.refusals_believed <= self.patience:
            raise ScalingSettingsError(
                f"refusals_believed is {self.refusals_believed}; it must be above 0, at most patience ({self.patience})"
            )
        if not 0 < self.urgent_utilization <= 1:
            raise ScalingSettingsError(
                f"urgent_utilization is {self.urgent_utilization}; it must be above 0, at most 1"
            )
        for name in ("calls_kept_for_urgent_growth", "calls_left_to_shrink"):
            if not 0 <= getattr(self, name) <= UPDATE_CALLS:
                raise ScalingSettingsError(f"{name} is {getattr(self, name)}; it must be 0–{UPDATE_CALLS}, AWS's limit")

    def _check_bounds(self) -> None:
        if not 1 <= self.minimum_shards <= self.maximum_shards <= STREAM_SHARDS:
            raise ScalingSettingsError(
                f"minimum_shards ({self.minimum_shards}) and maximum_shards ({self.maximum_shards}) must be in this "
                f"order and between 1 and {STREAM_SHARDS}"
            )
        for floor in self.floors:
            if floor.shards > self.maximum_shards:
                raise ScalingSettingsError(
                    f"the floor of {floor.shards} shards from {floor.start} is above maximum_shards "
                    f"({self.maximum_shards}): lower it or raise the maximum"
                )
