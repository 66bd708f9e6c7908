"""The stream's scaling, as the demo shows it: a small stream, a spike, more shards, and fewer again once it is over.

The policy is the product's, with minutes in the place of hours: a demo cannot wait as long as one should with real
traffic. The policy sees whole minutes only, and a spike may begin too late in its first minute to have an effect there.
So the spike lasts until the stream has grown, at whichever second it began.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from contracts.tables import SCALING_DECISIONS
from local.cloud.process import local_client
from local.demo.pipeline import Lake
from local.waits import Waiter

SCALING_DAG: Final = "scale_event_stream"
#: The variable that names the file of settings, as in `kinesis_scaling.stream_settings`, which local may not import.
SCALING_VARIABLE: Final = "CLICKSTREAM_SCALING"
_SETTINGS: Final = """\
# The policy with minutes for hours: the last whole minute decides, the one before it counts for half.
[streams.{stream_name}]
mode = "on"
maximum_shards = 8
ask_every_seconds = 5
run_length_minutes = 10
points_come_within_minutes = 0  # the local cloud's metrics are there at once
fresh_minutes = 0
fading_minutes = 1
patience_minutes = 2
fading_margin = 0.5
old_margin = 0.5
refusals_believed_minutes = 1
settling_time_minutes = 0
minutes_known_to_shrink = 2
known_share_to_shrink = 0.5
small_move = 0                  # grow by UpdateShardCount, not by splits
"""
_MINUTE: Final = timedelta(minutes=1)
_RECORDS_PER_SHARD_AND_MINUTE: Final = 60_000
#: The policy wants a second shard if one shard takes less than this times the demand (`Settings.fresh_margin`).
_MARGIN: Final = 1.8
#: After so many whole minutes, all of them too weak, the demo ends the spike: it is none.
_WEAK_MINUTES: Final = 3


def write_settings(path: Path, stream_name: str) -> Path:
    """Write the settings file that CLICKSTREAM_SCALING names; return its path."""
    path.write_text(_SETTINGS.format(stream_name=stream_name))
    return path


class Verdict(StrEnum):
    """What to do with a spike that runs."""

    GO_ON = "go on"
    #: The stream has grown for the spike, or grows now.
    GROWN = "grown"
    #: The machine is too slow to send more than a shard takes: the policy is right to leave the stream alone.
    TOO_WEAK = "too weak"


def verdict(*, began: datetime, now: datetime, open_shards: int, demands: Mapping[datetime, float]) -> Verdict:
    """Return what to do with a spike that began at `began`; `demands` are shards' worth of records by minute."""
    if open_shards > 1:
        return Verdict.GROWN
    first_whole = began.replace(second=0, microsecond=0) + _MINUTE
    whole = [minute for minute in sorted(demands) if first_whole <= minute and minute + _MINUTE <= now]
    weak = [demands[minute] * _MARGIN <= 1 for minute in whole]
    return Verdict.TOO_WEAK if len(weak) >= _WEAK_MINUTES and all(weak) else Verdict.GO_ON


@dataclass(frozen=True, kw_only=True)
class ScalingStory:
    """What the demo shows of scaling: every decision, the oldest first, and whether the spike was too weak."""

    decisions: Sequence[Mapping[str, Any]] = ()
    spike_was_too_weak: bool = False

    @property
    def moves(self) -> list[Mapping[str, Any]]:
        """Return the decisions that changed the stream."""
        return [row for row in self.decisions if row["outcome"] == "done"]

    @property
    def shard_counts(self) -> str:
        """Return the counts that the stream went through, such as `1 → 2 → 3 → 2 → 1`."""
        return " → ".join(["1", *(str(row["resulting_shards"]) for row in self.moves)])

    def broken_promises(self) -> list[str]:
        """Return a sentence for each promise that was not kept: growth under load, and one shard after it."""
        if self.spike_was_too_weak:
            return []
        broken = []
        if not any(row["resulting_shards"] > row["open_shards"] for row in self.moves):
            broken.append("the stream did not grow under the spike")
        if self.moves and self.moves[-1]["resulting_shards"] != 1:
            broken.append(f"the stream did not shrink to one shard after the spike: {self.shard_counts}")
        return broken


class EventStream:
    """The demo's stream on the local cloud: its size, its load, and its reduction to one shard before the spike."""

    def __init__(self, endpoint_url: str, name: str) -> None:
        self._kinesis = local_client("kinesis", endpoint_url)
        self._cloudwatch = local_client("cloudwatch", endpoint_url)
        self._name = name

    def shrink_to_one(self, waiter: Waiter) -> None:
        """Merge all shards into one, so that a laptop can send more than the stream takes."""

        def missing() -> str:
            summary = self._summary()
            shards = summary["OpenShardCount"]
            if summary["StreamStatus"] == "ACTIVE" and shards > 1:
                half = (shards + 1) // 2
                self._kinesis.update_shard_count(
                    StreamName=self._name, TargetShardCount=half, ScalingType="UNIFORM_SCALING"
                )
            return "" if summary["StreamStatus"] == "ACTIVE" and shards == 1 else f"{shards} shards"

        waiter.until("a stream of one shard", missing)

    def spike_verdict(self, began: datetime) -> tuple[Verdict, str]:
        """Return what to do with the spike that began at `began`, and what it waits for while it goes on."""
        now, open_shards = datetime.now(tz=UTC), self._summary()["OpenShardCount"]
        demands = self._demands(began, now)
        found = verdict(began=began, now=now, open_shards=open_shards, demands=demands)
        return found, f"the policy wants more than {open_shards} shard, by minutes that are over; it is {now:%H:%M}"

    def wait_until_one_shard(self, lake: Lake, waiter: Waiter) -> list[dict[str, Any]]:
        """Return all decisions, oldest first, once the stream has one shard again and that move has its row."""
        rows: list[dict[str, Any]] = []

        def missing() -> str:
            nonlocal rows
            rows = sorted(lake.rows(SCALING_DECISIONS.name), key=lambda row: row["decided_at"])
            moves = [row for row in rows if row["outcome"] == "done"]
            counts = " → ".join(str(row["resulting_shards"]) for row in moves)
            summary = self._summary()
            if summary["StreamStatus"] == "ACTIVE" and summary["OpenShardCount"] == 1:
                return "" if not moves or moves[-1]["resulting_shards"] == 1 else f"the last move's row, after {counts}"
            return f"{summary['OpenShardCount']} shards open; a whole quiet minute lets the policy merge"

        waiter.until("one shard again", missing)
        return rows

    def _summary(self) -> dict[str, Any]:
        return dict(self._kinesis.describe_stream_summary(StreamName=self._name)["StreamDescriptionSummary"])

    def _demands(self, began: datetime, now: datetime) -> dict[datetime, float]:
        """Return by minute how many shards' worth of records came or were refused."""
        found: dict[datetime, float] = {}
        for metric in ("IncomingRecords", "WriteProvisionedThroughputExceeded"):
            points = self._cloudwatch.get_metric_statistics(
                Namespace="AWS/Kinesis",
                MetricName=metric,
                Dimensions=[{"Name": "StreamName", "Value": self._name}],
                StartTime=began.replace(second=0, microsecond=0),
                EndTime=now.replace(second=0, microsecond=0),
                Period=60,
                Statistics=["Sum"],
            )["Datapoints"]
            for point in points:
                minute = point["Timestamp"].astimezone(UTC)
                found[minute] = found.get(minute, 0.0) + point["Sum"] / _RECORDS_PER_SHARD_AND_MINUTE
        return found
